// Whom a developer machine trusts: real handshakes with servers whose chains are right, being replaced, or somebody else's.
import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  crossSign,
  type Issuer,
  makeCa,
  makeKey,
  makeSelfSigned,
  makeSite,
} from '../../../src/certificates/pki.ts';
import { servedChain } from '../../../src/client/chain.ts';
import type { Found } from '../../../src/client/discover.ts';
import type { ClientRequest } from '../../../src/client/options.ts';
import { decideTrust, type Trusting } from '../../../src/client/trust.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

const names = ['127.0.0.1', 'localhost'];
const servers: Server[] = [];
let key: string;
let old: Issuer;
let now: Issuer;
let evil: Issuer;

const finger = (pem: string) => new X509Certificate(pem).fingerprint256;
const site = (issuer: Issuer, for_ = names) => makeSite({ names: for_, days: 30, keyPem: key, issuer });

beforeAll(async () => {
  const ca = async (name: string): Promise<Issuer> => {
    const keyPem = await makeKey('rsa', 2048);
    return { keyPem, certPem: makeCa({ name, keyPem }) };
  };
  key = await makeKey('rsa', 2048);
  [old, now, evil] = await Promise.all([ca('registry old'), ca('registry new'), ca('registry old')]);
});
afterAll(() => {
  for (const server of servers) server.close();
});

/** A server with that chain, as it was found. */
async function serve(chain: string[], options: object = {}): Promise<Found> {
  const server = createServer({ key, cert: chain.join(''), ...options }, (_, reply) => reply.end('{}'));
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const at = { tls: true, host: '127.0.0.1', port, connectTo: '127.0.0.1' };
  return { at, ip: '127.0.0.1', chain: await servedChain(at), login: { kind: 'none' }, ahead: 0 };
}

function decide(found: Found, request: Partial<ClientRequest> = {}, more: Partial<Trusting> = {}) {
  const host = fakeHost();
  const { port } = found.at;
  const whole = {
    host: '127.0.0.1',
    port,
    name: `127.0.0.1:${port}`,
    targets: [],
    mirror: false,
    ...request,
  };
  const former = { way: undefined, places: [], forget: [] };
  const nobody = { confirm: undefined, confirmPlain: undefined };
  return decideTrust({ request: whole, found, host, installed: [], former, ...nobody, ...more });
}

const roots = async (trust: ReturnType<typeof decide>) => {
  const found = await trust;
  return found.kind === 'roots' ? found.roots.map(({ fingerprint256 }) => fingerprint256) : found.kind;
};

describe('the chain', () => {
  test('comes whole, with both roots of a CA that is being replaced', async () => {
    const cross = crossSign({ newCa: now.certPem, oldCa: old });
    const chain = [site(now), cross, old.certPem, now.certPem];
    const found = await serve(chain);
    expect(found.chain.map(({ fingerprint256 }) => fingerprint256)).toEqual(chain.map(finger));
  });

  test('comes from a server that wants TLS 1.3, too', async () => {
    const found = await serve([site(old), old.certPem], { minVersion: 'TLSv1.3' });
    expect(found.chain.map(String)).toHaveLength(2);
  });
});

describe('a fingerprint', () => {
  test('of the root: trusts that root', async () => {
    const found = await serve([site(old), old.certPem]);
    expect(await roots(decide(found, { fingerprint: finger(old.certPem) }))).toEqual([finger(old.certPem)]);
  });

  test('of the root of a registry that is called by an IPv6 address', async () => {
    const found = await serve([site(old, ['2001:db8::17']), old.certPem]);
    const at = { ...found.at, host: '[2001:db8::17]' };
    const request = { host: at.host, fingerprint: finger(old.certPem) };
    expect(await roots(decide({ ...found, at }, request))).toEqual([finger(old.certPem)]);
    const other = { ...found, at: { ...at, host: '[2001:db8::18]' } };
    await expect(decide(other, { ...request, host: '[2001:db8::18]' })).rejects.toThrow(
      'is not for "2001:db8::18"',
    );
  });

  test('of a self-signed certificate: trusts that certificate', async () => {
    const own = makeSelfSigned({ names, days: 30, keyPem: key });
    const found = await serve([own]);
    expect(await roots(decide(found, { fingerprint: finger(own) }))).toEqual([finger(own)]);
  });

  test('of the old root while it is replaced: trusts the new one as well, since the old one signed it', async () => {
    const cross = crossSign({ newCa: now.certPem, oldCa: old });
    const found = await serve([site(now), cross, old.certPem, now.certPem]);
    const both = [finger(old.certPem), finger(now.certPem)];
    expect(await roots(decide(found, { fingerprint: finger(old.certPem) }))).toEqual(both);
    expect(await roots(decide(found, { fingerprint: finger(now.certPem) }))).toEqual([finger(now.certPem)]);
  });

  test('of the oldest of three roots: each vouches for the next one', async () => {
    const third = { keyPem: evil.keyPem, certPem: makeCa({ name: 'registry newest', keyPem: evil.keyPem }) };
    const bridges = [
      crossSign({ newCa: third.certPem, oldCa: now }),
      crossSign({ newCa: now.certPem, oldCa: old }),
    ];
    const found = await serve([site(third), ...bridges, old.certPem, now.certPem, third.certPem]);
    const all = [old, now, third].map(({ certPem }) => finger(certPem));
    expect(await roots(decide(found, { fingerprint: finger(old.certPem) }))).toEqual(all);
    const installed = [new X509Certificate(old.certPem)];
    expect(await roots(decide(found, {}, { installed }))).toEqual(all);
  });

  test('of the new root keeps the old one where it is trusted already and still served', async () => {
    const cross = crossSign({ newCa: now.certPem, oldCa: old });
    const found = await serve([site(now), cross, old.certPem, now.certPem]);
    const installed = [new X509Certificate(old.certPem), new X509Certificate(evil.certPem)];
    const trust = decide(found, { fingerprint: finger(now.certPem) }, { installed });
    expect(await roots(trust)).toEqual([finger(now.certPem), finger(old.certPem)]);
  });

  test('that is not served: the error shows both, exit 2', async () => {
    const found = await serve([site(evil), evil.certPem]);
    await expect(decide(found, { fingerprint: finger(old.certPem) })).rejects.toMatchObject({
      exitCode: 2,
      why: expect.stringMatching(new RegExp(`${finger(old.certPem)}\nserved: ${finger(evil.certPem)}`)),
    });
  });

  test('does not help a server that sends the true root beside a chain of its own', async () => {
    const found = await serve([site(evil), evil.certPem, old.certPem]);
    await expect(decide(found, { fingerprint: finger(old.certPem) })).rejects.toThrow(
      'not the registry with that',
    );
  });

  test('adds no root that nothing vouches for', async () => {
    const found = await serve([site(old), old.certPem, evil.certPem]);
    expect(await roots(decide(found, { fingerprint: finger(old.certPem) }))).toEqual([finger(old.certPem)]);
  });
});

describe('without a fingerprint', () => {
  test('the user decides', async () => {
    const found = await serve([site(old), old.certPem]);
    expect(await roots(decide(found, {}, { confirm: async () => true }))).toEqual([finger(old.certPem)]);
    await expect(decide(found, {}, { confirm: async () => false })).rejects.toMatchObject({ exitCode: 2 });
  });

  test('without a terminal: the error shows the line to add, exit 2', async () => {
    const found = await serve([site(old), old.certPem]);
    await expect(decide(found)).rejects.toMatchObject({
      exitCode: 2,
      fix: expect.arrayContaining([expect.stringContaining(`--ca-fingerprint ${finger(old.certPem)}`)]),
    });
  });

  test('does not ask again about a root that is trusted already; a new root is added', async () => {
    const cross = crossSign({ newCa: now.certPem, oldCa: old });
    const found = await serve([site(now), cross, old.certPem, now.certPem]);
    const trust = decide(found, {}, { installed: [new X509Certificate(old.certPem)] });
    expect(await roots(trust)).toEqual([finger(old.certPem), finger(now.certPem)]);
  });

  test('a CA in the system trust store needs nothing', async () => {
    const found = await serve([site(old), old.certPem]);
    const host = fakeHost();
    host.put('/etc/ssl/certs/ca-certificates.crt', `${evil.certPem}${old.certPem}`);
    expect(await roots(decide(found, {}, { host }))).toBe('public');
  });

  test('a fingerprint is still checked: a chain without its root is compared with the roots of the system', async () => {
    const found = await serve([site(old)]);
    const host = fakeHost();
    host.put('/etc/ssl/certs/ca-certificates.crt', `${evil.certPem}${old.certPem}`);
    expect(await roots(decide(found, { fingerprint: finger(old.certPem) }, { host }))).toBe('public');
    const other = decide(found, { fingerprint: finger(evil.certPem) }, { host });
    await expect(other).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe('a file', () => {
  const given = (...content: string[]) => {
    const host = fakeHost();
    host.put('/ca.pem', content.join(''));
    return { host };
  };

  test('with the root: trusts that root; with another root: refused', async () => {
    const found = await serve([site(old)]);
    expect(await roots(decide(found, { ca: '/ca.pem' }, given(old.certPem)))).toEqual([finger(old.certPem)]);
    await expect(decide(found, { ca: '/ca.pem' }, given(evil.certPem))).rejects.toMatchObject({
      exitCode: 2,
      why: expect.stringMatching(
        /^"CN=127\.0\.0\.1" was signed by "CN=registry old.*", which is not trusted\n/,
      ),
    });
  });

  test('with a private key in it is refused, and the key is not shown', async () => {
    const found = await serve([site(old)]);
    const refused = decide(found, { ca: '/ca.pem' }, given(old.certPem, old.keyPem));
    await expect(refused).rejects.toThrow('private key');
    await expect(refused).rejects.not.toThrow(old.keyPem.slice(40, 80));
  });
});

describe('faults that trust cannot mend', () => {
  test('a chain without a root', async () => {
    await expect(decide(await serve([site(old)]))).rejects.toThrow('ends without a root');
  });

  test('a certificate for other names: the error lists them', async () => {
    const found = await serve([site(old, ['reg.example', '10.0.0.9']), old.certPem]);
    await expect(decide(found)).rejects.toMatchObject({
      why: 'It is for reg.example, 10.0.0.9.',
      exitCode: 2,
    });
  });

  test('a clock that is wrong', async () => {
    const later = new Date(Date.now() + 40 * 86_400_000);
    const leaf = makeSite({ names, days: 30, keyPem: key, issuer: old, now: later });
    const found = await serve([leaf, old.certPem]);
    await expect(decide({ ...found, ahead: -40 * 86_400 })).rejects.toThrow('40 days behind');
    await expect(decide(found)).rejects.toThrow('is not valid before');
  });

  test('plain HTTP where TLS was asked for', async () => {
    const found: Found = {
      at: { tls: false, host: '127.0.0.1', port: 5000 },
      ip: '127.0.0.1',
      chain: [],
      login: { kind: 'none' },
      ahead: 0,
    };
    expect(await decide(found, { scheme: 'http' })).toEqual({ kind: 'http' });
    for (const request of [{ fingerprint: 'AA' }, { ca: '/ca.pem' }, { scheme: 'https' as const }])
      await expect(decide(found, request)).rejects.toThrow('speaks plain HTTP');
  });
});
