// A ready certificate that will do, and what is said of one. openssl and Go are asked too.
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { describeCertificate } from '../../../../src/certificates/fields.ts';
import { verifyReadyCertificate } from '../../../../src/certificates/given/checks.ts';
import { crossSign, makeCa, makeSelfSigned, makeSite } from '../../../../src/certificates/pki.ts';
import { ADDRESS, authorities, HOST, inDays } from '../../../helpers/authorities.ts';
import { askGo, noGo } from '../../../helpers/go-client.ts';
import { newKey, withOpenssl, workshop } from '../../../helpers/openssl.ts';

withOpenssl(() => {
  const shop = workshop();
  const { dir, openssl, file, verify } = shop;
  const { authority, server, root, middle, site } = authorities(shop);
  const full = [site.cert, middle.cert, root.cert];
  const own = { key: site.key };
  const names = [HOST, ADDRESS];

  type Check = Parameters<typeof verifyReadyCertificate>[0];
  const check = (certificates: string[], rest: Partial<Check> = {}) =>
    verifyReadyCertificate({ certificates, key: site.key, names, publicRoots: [], ...rest });

  describe('a ready certificate', () => {
    test('is served with its chain, and its root is what clients trust', () => {
      expect(check(full)).toEqual({ chain: full, root: root.cert, publicCa: false, warnings: [] });
    });

    test('in the wrong order is put into the right one', () => {
      const { chain, warnings } = check([root.cert, middle.cert, site.cert]);
      expect(chain).toEqual(full);
      expect(warnings).toEqual(['the certificates were not in chain order; they are served in chain order']);
      expect(verify(chain, root.cert)).toBe('');
    });

    test('is completed from --ca-cert, in any order', () => {
      expect(check([site.cert], { extraCa: [root.cert, middle.cert] }).chain).toEqual(full);
    });

    test('leaves out certificates that are not in its chain, and says so', () => {
      const { chain, warnings } = check([...full, authority('stranger').cert]);
      expect(chain).toEqual(full);
      expect(warnings).toEqual(['"CN=stranger" is not part of the chain that is served, and is left out']);
    });

    test('with two possible chains takes the valid one', () => {
      const old = authority('middle', root, { key: middle.key, days: 1 });
      expect(check([site.cert, old.cert, middle.cert, root.cert], { now: inDays(10) }).root).toBe(root.cert);
    });

    test('keeps the chain of a replaced CA as it is', () => {
      const [before, after] = [newKey(), newKey()];
      const [oldCa, newCa] = [makeCa({ name: 'a', keyPem: before }), makeCa({ name: 'a', keyPem: after })];
      const cross = crossSign({ newCa, oldCa: { certPem: oldCa, keyPem: before } });
      const issuer = { certPem: newCa, keyPem: after };
      const chain = [makeSite({ names, days: 90, keyPem: site.key, issuer }), cross, oldCa, newCa];
      expect(check(chain)).toMatchObject({ chain, warnings: [] });
    });

    test('may be self-signed', () => {
      const ours = makeSelfSigned({ names, days: 90, keyPem: site.key });
      expect(check([ours])).toMatchObject({ chain: [ours], root: ours });
      const theirs = server(undefined, own).cert;
      expect(check([theirs])).toMatchObject({ chain: [theirs], root: theirs });
    });

    test('warns about a certificate that ends soon, and a CA that ends before it', () => {
      const brief = authority('brief', root, { days: 50 });
      const { warnings } = check([server(brief, own).cert, brief.cert, root.cert], {
        now: inDays(40),
      });
      expect(warnings.join()).toMatch(/"CN=brief", above it, ends before it, on \d{4}-/);
      expect(check(full, { now: inDays(90) }).warnings.join()).toMatch(
        /the certificate ends on \d{4}-.* UTC, in 9 days/,
      );
    });

    test('with a wildcard below a top-level name: Docker takes it, curl does not', async () => {
      const wild = server(root, own, 'DNS:*.lan');
      const { chain, warnings } = check([wild.cert, root.cert], { names: ['registry.lan'] });
      expect(warnings).toEqual([
        expect.stringMatching(/^registry.lan: Docker and podman accept the wildcard/),
      ]);
      expect(verify(chain, root.cert, '-verify_hostname', 'registry.lan')).toContain('hostname mismatch');
      const serving = { chain: chain.join(''), key: site.key, roots: root.cert };
      if (!noGo) expect(await askGo(serving, ['registry.lan'], dir)).toEqual(['']);
    });

    test('of a public CA needs no root, and gets none', () => {
      const publicRoots = [root.cert];
      const ready = { chain: [site.cert, middle.cert], root: root.cert, publicCa: true, warnings: [] };
      expect(check([site.cert, middle.cert], { publicRoots })).toEqual(ready);
      expect(check(full, { publicRoots })).toEqual(ready);
      // An older root once certified the public one, and has ended since: nobody has to go that far up.
      const ended = authority('ended', undefined, { days: 1 });
      const older = authority('root', ended, { key: root.key, days: 1 });
      const { publicCa, chain } = check([site.cert, middle.cert, older.cert], {
        publicRoots,
        now: inDays(5),
      });
      expect({ publicCa, chain }).toEqual({ publicCa: true, chain: [site.cert, middle.cert, older.cert] });
    });

    test("does not count as a public CA's because of a name alone", () => {
      const name = new X509Certificate(rootCertificates[0] ?? '').subject.replaceAll('\n', '/');
      const namesake = authority('x', undefined, { subject: `/${name}` });
      const chain = [server(namesake, own).cert, namesake.cert];
      expect(check(chain, { publicRoots: rootCertificates }).publicCa).toBe(false);
    });
  });

  describe('a description', () => {
    test('is what openssl says', () => {
      const text = openssl('x509', '-noout', '-enddate', '-fingerprint', '-sha256', '-in', file(site.cert));
      const theirs = Object.fromEntries(`${text}`.split('\n').map((line) => line.split(/=(.*)/).slice(0, 2)));
      expect(describeCertificate(site.cert)).toEqual({
        subject: 'CN=site',
        issuer: 'CN=middle',
        names: { dns: [HOST], ip: [ADDRESS] },
        notBefore: expect.any(Date),
        notAfter: new Date(theirs.notAfter),
        daysLeft: 99,
        fingerprint: theirs['sha256 Fingerprint'],
        isCa: false,
        selfSigned: false,
        keyType: 'EC prime256v1',
      });
    });

    test('of a CA, and of IPv6 addresses', () => {
      const ca = describeCertificate(makeCa({ name: 'ours', keyPem: newKey(1024) }));
      expect(ca).toMatchObject({ isCa: true, selfSigned: true, keyType: 'RSA 1024' });
      expect(ca.pathLength).toBeUndefined();
      const names = ['::1', '2001:db8::17', '::', 'fe80::1', '1:2:3:4:5:6:7:8'];
      const own = makeSelfSigned({ names, days: 9, keyPem: site.key });
      expect(describeCertificate(own).names).toEqual({ dns: [], ip: names });
    });

    test('counts the days that are left', () => {
      const { notAfter } = describeCertificate(site.cert);
      const at = (ms: number) => describeCertificate(site.cert, new Date(notAfter.getTime() + ms)).daysLeft;
      expect([at(-2 * 86_400_000), at(-86_399_999), at(-1), at(1)]).toEqual([2, 0, 0, -1]);
    });
  });
});
