// Rotations of a CA in a row, in the eyes of clients that know one of its roots: openssl, Go, Node.
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { crossSign, makeCa, makeSite } from '../../../src/certificates/pki.ts';
import { succession } from '../../../src/certificates/succession.ts';
import { tlsOptions } from '../../../src/registry/server-identity.ts';
import { clients } from '../../helpers/clients.ts';
import { type MadeCertificate, newKey, withOpenssl, workshop } from '../../helpers/openssl.ts';

const DAY = 86_400_000;
const NAME = 'registry.example';
const KEY_IDS = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid'];
const ca = (pathLength: number) => [
  `basicConstraints=critical,CA:TRUE,pathlen:${pathLength}`,
  'keyUsage=critical,keyCertSign,cRLSign',
  ...KEY_IDS,
];

withOpenssl(() => {
  const shop = workshop();
  const { opensslComplains, goComplains } = clients(shop);
  const siteKey = newKey();
  const root = (now?: Date): MadeCertificate => {
    const key = newKey();
    return {
      cert: makeCa({ name: 'registry registry.example 2026', keyPem: key, ...(now && { now }) }),
      key,
    };
  };
  const bridge = (to: MadeCertificate, by: MadeCertificate, now?: Date) =>
    crossSign({ newCa: to.cert, oldCa: { certPem: by.cert, keyPem: by.key }, ...(now && { now }) });
  const leaf = ({ cert, key }: MadeCertificate) =>
    makeSite({ names: [NAME], days: 30, keyPem: siteKey, issuer: { certPem: cert, keyPem: key } });

  /** As former versions made them: one CA below a root, none below a bridge. */
  const formerRoot = (name: string) => shop.make({ subject: `/CN=${name}`, extensions: ca(1), days: 3650 });
  const formerBridge = (name: string, to: MadeCertificate, by: MadeCertificate) =>
    shop.make({ subject: `/CN=${name}`, key: to.key, by, extensions: ca(0), days: 3000 }).cert;

  /** All rotations, the oldest root first. */
  function rotations(count: number) {
    const roots = Array.from({ length: count + 1 }, () => root());
    const bridges = roots.slice(1).map((to, i) => bridge(to, roots[i] as MadeCertificate));
    const newest = roots.at(-1) as MadeCertificate;
    const cross = [...bridges.reverse(), ...roots.slice(0, -1).map(({ cert }) => cert)];
    return { roots: roots.map(({ cert }) => cert), newest, cross };
  }

  async function nodeComplains(chain: string[], trusted: string): Promise<string[]> {
    const server = createServer({ cert: chain.join(''), key: siteKey });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const fault = await new Promise<string>((done) => {
      const options = { host: '127.0.0.1', port, ...tlsOptions({ host: NAME, ca: [trusted] }) };
      const socket = connect(options, () => done(''));
      socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
      socket.once('secureConnect', () => socket.end());
    });
    server.close();
    return fault ? [fault] : [];
  }
  const complaints = async (chain: string[], trusted: string) => [
    ...opensslComplains(chain, trusted, [NAME]),
    ...(await goComplains({ chain: chain.join(''), key: siteKey, roots: trusted }, [NAME])),
    ...(await nodeComplains(chain, trusted)),
  ];
  const subject = (pem: string) => new X509Certificate(pem).subject;
  const isRoot = (pem: string) => new X509Certificate(pem).subject === new X509Certificate(pem).issuer;

  test.each([1, 2, 5, 7])(
    'after %d rotations a client of any root accepts the certificate',
    async (count) => {
      const { roots, newest, cross } = rotations(count);
      const { tail, roots: known } = succession(newest.cert, cross, new Date());
      expect(known).toEqual(roots.toReversed());
      const chain = [leaf(newest), ...tail];
      for (const trusted of roots) expect(await complaints(chain, trusted)).toEqual([]);
    },
  );

  test('every root has a name of its own, and every bridge comes before the root of that name', () => {
    const { newest, cross } = rotations(3);
    const { tail } = succession(newest.cert, cross.toReversed(), new Date());
    const [bridges, roots] = [tail.slice(0, 3), tail.slice(3)];
    expect(roots.every(isRoot) && !bridges.some(isRoot)).toBe(true);
    expect(new Set(roots.map(subject)).size).toBe(4);
    expect(bridges.map(subject)).toEqual(roots.toReversed().slice(0, 3).map(subject));
  });

  test('one rotation is served as former versions served it', () => {
    const { roots, newest, cross } = rotations(1);
    expect(succession(newest.cert, cross, new Date()).tail).toEqual([cross[0], roots[0], newest.cert]);
  });

  test.each([4, 5, 7, 8, 12])('after %d rotations Java takes the chain: ten certificates', (count) => {
    const { roots, newest, cross } = rotations(count);
    const { tail, roots: known } = succession(newest.cert, cross, new Date());
    expect(tail.length + 1).toBeLessThanOrEqual(10);
    expect(tail.at(-1), 'new clients are shown the newest root').toBe(newest.cert);
    expect(known).toEqual(roots.toReversed().slice(0, 8));
    // Java follows a longer chain only in order, up to the root.
    const way = tail.slice(0, Math.min(count, 7) + 1).map((one) => new X509Certificate(one));
    for (const [i, cert] of way.entries()) expect(cert.issuer).toBe((way[i + 1] ?? cert).subject);
  });

  test('a root of a former version is left behind by the second rotation, and the one after it goes on', async () => {
    const first = formerRoot('registry first');
    const second = root();
    const once = [bridge(second, first), first.cert];
    const after = succession(second.cert, once, new Date());
    expect(after.roots).toEqual([second.cert, first.cert]);
    for (const trusted of [first, second])
      expect(await complaints([leaf(second), ...after.tail], trusted.cert)).toEqual([]);

    const third = root();
    const twice = succession(third.cert, [bridge(third, second), ...once, second.cert], new Date());
    expect(twice.roots).toEqual([third.cert, second.cert]);
    const chain = [leaf(third), ...twice.tail];
    for (const trusted of [second, third]) expect(await complaints(chain, trusted.cert)).toEqual([]);
    // Not for want of trying: with its bridge in the chain its clients refuse all the same.
    const whole = [leaf(third), bridge(third, second), once[0] as string, third.cert];
    expect(opensslComplains(whole, first.cert, [NAME])).toEqual([expect.stringContaining('path length')]);
  });

  test('a CA that a former version has rotated once: the newer root goes on, the older is left behind', async () => {
    const [first, second, third] = [formerRoot('registry first'), formerRoot('registry second'), root()];
    const crossed = formerBridge('registry second', second, first);
    const before = succession(second.cert, [crossed, first.cert], new Date());
    expect(before.roots.map(subject)).toEqual(['CN=registry second', 'CN=registry first']);
    for (const trusted of [first, second])
      expect(await complaints([leaf(second), ...before.tail], trusted.cert)).toEqual([]);

    const cross = [bridge(third, second), crossed, first.cert, second.cert];
    const { tail, roots } = succession(third.cert, cross, new Date());
    expect(roots.map(subject)).toEqual([subject(third.cert), 'CN=registry second']);
    for (const trusted of [second, third])
      expect(await complaints([leaf(third), ...tail], trusted.cert)).toEqual([]);
  });

  test('what has ended, or is not valid yet, is not served; the others go on', () => {
    const old = root(new Date(Date.now() - 3000 * DAY));
    const [second, third] = [root(), root()];
    const cross = [bridge(third, second), bridge(second, old), old.cert, second.cert];
    const at = (days: number) => succession(third.cert, cross, new Date(Date.now() + days * DAY));
    expect(at(0).roots).toEqual([third.cert, second.cert, old.cert]);
    expect(at(700).roots).toEqual([third.cert, second.cert]);
    expect(at(700).tail).toHaveLength(3);
    expect(at(-3).tail).toEqual([third.cert]);
  });
});
