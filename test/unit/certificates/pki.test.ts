// Certificates that we make, in the eyes of others: openssl, Node, Go. Nothing here is asked of node-forge.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  crossSign,
  fingerprint,
  makeCa,
  makeKey,
  makeSelfSigned,
  makeSite,
} from '../../../src/certificates/pki.ts';
import { OTHER_NAME, tlsOptions } from '../../../src/registry/server-identity.ts';
import { clients } from '../../helpers/clients.ts';
import { noGo } from '../../helpers/go-client.ts';
import { CA, newKey, withOpenssl, workshop } from '../../helpers/openssl.ts';

const DAY = 86_400_000;
const LOCAL = ['localhost', '127.0.0.1', '::1'];
const NAMES = ['registry.example', '10.0.3.17', ...LOCAL, '2001:db8::17', 'bücher.example', '*.lab.example'];
const CALLED = [...NAMES.slice(0, 6), 'xn--bcher-kva.example', 'a.lab.example'];
const SOME = CALLED.slice(0, 2);

withOpenssl(() => {
  const shop = workshop();
  const { openssl, verify, make, file } = shop;
  const { opensslComplains, goComplains } = clients(shop);
  const opensslText = (pem: string) => openssl('x509', '-noout', '-text', '-in', file(pem)).toString();

  // RSA keys take their time, so that all tests share two.
  let [caKey, siteKey, ca, site, turns] = ['', '', '', '', 0];
  beforeAll(async () => {
    const clock = setInterval(() => turns++, 1);
    [caKey, siteKey] = await Promise.all([makeKey('rsa', 3072), makeKey('rsa', 2048)]);
    clearInterval(clock);
    ca = makeCa({ name: 'registry 10.0.3.17', keyPem: caKey });
    site = makeSite({ names: NAMES, days: 397, keyPem: siteKey, issuer: { certPem: ca, keyPem: caKey } });
  });

  async function complaints(chain: string[], roots: string, names = CALLED): Promise<string[]> {
    const ofGo = await goComplains({ chain: chain.join(''), key: siteKey, roots }, names);
    return [...opensslComplains(chain, roots, names), ...ofGo];
  }

  /** Seconds, as openssl tells the dates. */
  function life(cert: string): number {
    const dates = openssl('x509', '-noout', '-dates', '-in', file(cert)).toString();
    const [from = 0, to = 0] = dates.match(/(?<==).+/g)?.map((date) => Date.parse(date) / 1000) ?? [];
    return to - from;
  }

  test('a key has the requested size, and is made without blocking', () => {
    const bits = [caKey, siteKey].map((pem) => createPrivateKey(pem).asymmetricKeyDetails?.modulusLength);
    expect(bits).toEqual([3072, 2048]);
    expect(turns).toBeGreaterThan(5);
  });

  test('a CA may have any number of CAs below it, and lasts ten years', () => {
    const text = opensslText(ca);
    expect(text).toMatch(/Subject: CN ?= ?registry 10.0.3.17, serialNumber ?= ?[0-9A-F]{8}\n/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE\n/);
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    expect(life(ca)).toBe(3650 * 86_400 - 1);
  });

  // The limits of browsers and of Apple's systems: 398 days for a public CA, 825 for every other. Both ends count.
  test.each([2, 10, 397, 825])(
    'a certificate for %d days begins a day back, and lasts not a second longer',
    (days) => {
      const issuer = { certPem: ca, keyPem: caKey };
      for (const made of [
        makeSite({ names: ['a'], days, keyPem: siteKey, issuer }),
        makeSelfSigned({ names: ['a'], days, keyPem: siteKey }),
      ]) {
        expect(life(made)).toBe(days * 86_400 - 1);
        expect(Math.abs(Date.now() - DAY - Date.parse(new X509Certificate(made).validFrom))).toBeLessThan(
          60_000,
        );
      }
    },
  );

  test('one for a single day is valid for the half of it that is left', () => {
    const { validFrom, validTo } = new X509Certificate(
      makeSelfSigned({ names: ['a'], days: 1, keyPem: siteKey }),
    );
    expect((Date.now() - Date.parse(validFrom)) / DAY).toBeCloseTo(0.5, 2);
    expect((Date.parse(validTo) - Date.now()) / DAY).toBeCloseTo(0.5, 2);
  });

  test('with EC keys openssl and Go accept a CA, a site certificate, the bridge of a new CA, and a self-signed one', async () => {
    const [caEc, siteEc, nextKey] = await Promise.all(['a', 'b', 'c'].map(() => makeKey('ecdsa', 0)));
    const root = makeCa({ name: 'registry 10.0.3.17', keyPem: caEc as string });
    const next = makeCa({ name: 'registry 10.0.3.17 2027', keyPem: nextKey as string });
    const bridge = crossSign({ newCa: next, oldCa: { certPem: root, keyPem: caEc as string } });
    const issuer = { certPem: next, keyPem: nextKey as string };
    const leaf = makeSite({ names: NAMES, days: 397, keyPem: siteEc as string, issuer });
    const own = makeSelfSigned({ names: NAMES, days: 397, keyPem: siteEc as string });
    const found = [];
    for (const [chain, roots] of [
      [[leaf, bridge, root, next], root],
      [[leaf, bridge, root, next], next],
      [[own], own],
    ] as const) {
      const ofGo = await goComplains({ chain: chain.join(''), key: siteEc as string, roots }, CALLED);
      found.push(...opensslComplains([...chain], roots, CALLED), ...ofGo);
    }
    expect(found).toEqual([]);
    expect(opensslText(leaf)).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(opensslText(own)).toMatch(/Key Usage: critical\s+Digital Signature, Certificate Sign\n/);
    expect(opensslText(leaf)).toMatch(/Signature Algorithm: ecdsa-with-SHA256/);
  });

  test('a site certificate is for a server and for nothing else', () => {
    const text = opensslText(site);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
    expect(text).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication\n/);
    expect(text).toContain(
      'DNS:registry.example, IP Address:10.0.3.17, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, ' +
        'IP Address:2001:DB8:0:0:0:0:0:17, DNS:xn--bcher-kva.example, DNS:*.lab.example\n',
    );
    expect(new X509Certificate(site).serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  test('key ids are what openssl computes', () => {
    const theirs = make({ key: siteKey, extensions: ['subjectKeyIdentifier=hash'] });
    const id = (pem: string, extension: string) => {
      const text = openssl('x509', '-noout', '-ext', extension, '-in', file(pem)).toString();
      return text.match(/(?:[0-9A-F]{2}:){19}[0-9A-F]{2}/)?.[0];
    };
    expect(id(site, 'subjectKeyIdentifier')).toBe(id(theirs.cert, 'subjectKeyIdentifier'));
    expect(id(site, 'authorityKeyIdentifier')).toBe(id(ca, 'subjectKeyIdentifier'));
  });

  test('the fingerprint is the one of openssl', () => {
    const theirs = openssl('x509', '-noout', '-fingerprint', '-sha256', '-in', file(site)).toString();
    expect(theirs.trim().split('=')[1]).toBe(fingerprint(site));
  });

  test('two certificates never share a serial number', () => {
    const serial = () => new X509Certificate(makeCa({ name: 'a', keyPem: caKey })).serialNumber;
    expect(new Set(Array.from({ length: 20 }, serial)).size).toBe(20);
  });

  describe('what openssl and Go accept, by name and by address', () => {
    test('a site and its CA', async () => {
      expect(await complaints([site, ca], ca)).toEqual([]);
      expect(opensslComplains([site], ca, SOME)).toEqual([]);
    });

    test('a certificate that signs itself, trusted as it is', async () => {
      const own = makeSelfSigned({ names: NAMES, days: 397, keyPem: siteKey });
      expect(await complaints([own], own)).toEqual([]);
    });

    test('a new CA, by clients that know the old root and by clients that know the new one', async () => {
      const next = newKey();
      const newCa = makeCa({ name: 'registry 10.0.3.17', keyPem: next });
      const cross = crossSign({ newCa, oldCa: { certPem: ca, keyPem: caKey } });
      const issuer = { certPem: newCa, keyPem: next };
      const chain = [makeSite({ names: NAMES, days: 397, keyPem: siteKey, issuer }), cross, ca, newCa];
      for (const root of [ca, newCa]) expect(await complaints(chain, root)).toEqual([]);
      expect(new X509Certificate(cross).subject).toBe(new X509Certificate(newCa).subject);
      expect(new X509Certificate(cross).subject).not.toBe(new X509Certificate(ca).subject);
    });

    test('but not for a name that is not in the certificate', () => {
      expect(verify([site], ca, '-verify_hostname', 'other.example')).toContain('hostname mismatch');
      expect(verify([site], ca, '-verify_ip', '10.0.3.18')).toContain('IP address mismatch');
    });

    test.skipIf(noGo)(`Go refuses the others too${noGo ? ` (skipped: ${noGo})` : ''}`, async () => {
      const serving = { chain: site, key: siteKey, roots: ca };
      const [byName, byAddress] = await goComplains(serving, ['other.example', '10.0.3.18']);
      expect(byName).toContain('not other.example');
      expect(byAddress).toContain('not 10.0.3.18');
    });
  });

  test.each(['ca-signed', 'self-signed'])(
    '%s: this program connects by name, IPv4 and IPv6',
    async (mode) => {
      const own = makeSelfSigned({ names: NAMES, days: 397, keyPem: siteKey });
      const [cert, trusted] = mode === 'self-signed' ? [own, own] : [site + ca, ca];
      const server = createServer({ cert, key: siteKey });
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      const { port } = server.address() as AddressInfo;
      const fault = (name: string) =>
        new Promise<string>((done) => {
          const socket = connect({ host: '127.0.0.1', port, ...tlsOptions({ host: name, ca: [trusted] }) });
          socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
          socket.once('secureConnect', () => {
            socket.end();
            done('');
          });
        });
      expect(await Promise.all(CALLED.map(fault))).toEqual(CALLED.map(() => ''));
      expect(await fault('other.example')).toBe(OTHER_NAME);
      server.close();
    },
  );

  describe('an existing CA of any kind', () => {
    const signBy = (root: { cert: string; key: string }) => {
      const issuer = { certPem: root.cert, keyPem: root.key };
      return makeSite({ names: NAMES, days: 10, keyPem: siteKey, issuer });
    };

    test.each([
      ['RSA', 'sha256WithRSAEncryption'],
      ['P-256', 'ecdsa-with-SHA256'],
      ['P-384', 'ecdsa-with-SHA384'],
      ['P-521', 'ecdsa-with-SHA512'],
      ['Ed25519', 'ED25519'],
    ])('%s signs with %s', async (kind, signature) => {
      // A name of several parts and encodings, which has to be repeated byte by byte.
      const subject = '/DC=example/O=Müller \\& Söhne/OU=a+OU=b/CN=Root é';
      const extensions = [...CA, 'subjectKeyIdentifier=hash'];
      const root = make({ key: kind === 'RSA' ? caKey : newKey(kind), subject, extensions });
      const signed = signBy(root);
      expect(opensslText(signed)).toContain(`Signature Algorithm: ${signature}`);
      expect(await complaints([signed], root.cert, SOME)).toEqual([]);
    });

    test.each([
      ['without a key id', []],
      ['with one of its own making', ['subjectKeyIdentifier=0102030405']],
    ])('%s', async (_, extensions) => {
      const root = make({ subject: '/CN=plain', extensions: [...CA, ...extensions] });
      const signed = signBy(root);
      expect(await goComplains({ chain: signed, key: siteKey, roots: root.cert }, SOME)).toEqual([]);
      // -x509_strict would want a key id of the root itself
      expect(openssl('verify', '-CAfile', file(root.cert), file(signed)).toString()).toContain(': OK');
    });

    test('but of a kind that Docker does not know', () => {
      const root = make({ key: newKey('secp256k1'), extensions: CA });
      expect(() => signBy(root)).toThrow('Docker does not support (EC secp256k1)');
    });
  });
});
