// Certificates that we make, in the eyes of others: openssl, Node, Go. Nothing here is asked of node-forge.
import { type KeyObject, X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { checkServerIdentity, connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crossSign, fingerprint, makeCa, makeKey, makeSelfSigned, makeSite } from '../src/pki.ts';
import { askGo, noGo } from './helpers/go-client.ts';
import { CA, random, workshop } from './helpers/openssl.ts';

const NAMES = [
  'registry.example',
  '10.0.3.17',
  'localhost',
  '127.0.0.1',
  '::1',
  '2001:db8::17',
  'bücher.example',
  '*.lab.example',
];
const CALLED = [...NAMES.slice(0, 6), 'xn--bcher-kva.example', 'a.lab.example'];
const DAY = 86_400_000;

const { dir, openssl, verify, make, key, file, close } = workshop();
afterAll(close);

// RSA keys take their time, so that all tests share two; what is tested here does not depend on their size.
let caKey = '';
let siteKey = '';
let ca = '';
let site = '';
beforeAll(async () => {
  [caKey, siteKey] = await Promise.all([makeKey(3072), makeKey(2048)]);
  ca = makeCa({ name: 'registry 10.0.3.17', keyPem: caKey });
  site = makeSite({ names: NAMES, days: 397, keyPem: siteKey, issuer: { certPem: ca, keyPem: caKey } });
});

const opensslText = (pem: string) => openssl('x509', '-noout', '-text', '-in', file(pem)).toString();
const flag = (name: string) => (/^[\d.]+$|:/.test(name) ? '-verify_ip' : '-verify_hostname');

/** What openssl complains of, by name and by address. */
function complaints(chain: string[], root: string, names = CALLED, now = new Date()): string[] {
  const at = ['-attime', `${Math.floor(now.getTime() / 1000)}`];
  return names.map((name) => verify(chain, root, flag(name), name, ...at)).filter(Boolean);
}

/** What Go complains of, over a real connection. (It calls ::1 without a proxy, and not every machine has it.) */
async function goComplaints(chain: string[], roots: string, names = CALLED): Promise<string[]> {
  const called = names.filter((name) => name !== '::1');
  const answers = noGo ? [] : await askGo({ chain: chain.join(''), key: siteKey, roots }, called, dir);
  return answers.filter(Boolean);
}

test('a CA has the shape of design.md 5', () => {
  const text = opensslText(ca);
  expect(text).toContain('Subject: CN = registry 10.0.3.17, serialNumber =');
  expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:1\n/);
  expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
  expect(text).toContain('Public-Key: (3072 bit)');
  const { validFrom, validTo } = new X509Certificate(ca);
  expect((Date.parse(validTo) - Date.now()) / DAY).toBeCloseTo(3650, 1);
  expect((Date.now() - Date.parse(validFrom)) / 3_600_000).toBeCloseTo(1, 1);
});

test('a site certificate has the shape of design.md 5', () => {
  const text = opensslText(site);
  expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/);
  expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
  expect(text).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication\n/);
  expect(text).toContain(
    'DNS:registry.example, IP Address:10.0.3.17, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, ' +
      'IP Address:2001:DB8:0:0:0:0:0:17, DNS:xn--bcher-kva.example, DNS:*.lab.example\n',
  );
  const { validTo, serialNumber } = new X509Certificate(site);
  expect((Date.parse(validTo) - Date.now()) / DAY).toBeCloseTo(397, 1);
  expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
});

test('key ids are what openssl computes', () => {
  const theirs = make({ key: siteKey, extensions: ['subjectKeyIdentifier=hash'] });
  const id = (pem: string, extension: string) =>
    openssl('x509', '-noout', '-ext', extension, '-in', file(pem))
      .toString()
      .match(/(?:[0-9A-F]{2}:){19}[0-9A-F]{2}/)?.[0];
  expect(id(site, 'subjectKeyIdentifier')).toBe(id(theirs.cert, 'subjectKeyIdentifier'));
  expect(id(site, 'authorityKeyIdentifier')).toBe(id(ca, 'subjectKeyIdentifier'));
});

test('the fingerprint is the one of openssl', () => {
  const theirs = openssl('x509', '-noout', '-fingerprint', '-sha256', '-in', file(site)).toString();
  expect(theirs.trim().split('=')[1]).toBe(fingerprint(site));
});

test('two certificates never share a serial number', () => {
  const serials = Array.from(
    { length: 20 },
    () => new X509Certificate(makeCa({ name: 'a', keyPem: caKey })).serialNumber,
  );
  expect(new Set(serials).size).toBe(20);
});

describe('what openssl and Go accept, by name and by address', () => {
  test('a site and its CA', async () => {
    expect(complaints([site, ca], ca)).toEqual([]);
    expect(complaints([site], ca)).toEqual([]);
    expect(await goComplaints([site, ca], ca)).toEqual([]);
  });

  test('a certificate that signs itself, trusted as it is', async () => {
    const own = makeSelfSigned({ names: NAMES, days: 397, keyPem: siteKey });
    expect(complaints([own], own)).toEqual([]);
    expect(await goComplaints([own], own)).toEqual([]);
  });

  test('a new CA, by clients that know the old root and by clients that know the new one', async () => {
    const newKey = key();
    const newCa = makeCa({ name: 'registry 10.0.3.17', keyPem: newKey });
    const cross = crossSign({ newCa, oldCa: { certPem: ca, keyPem: caKey } });
    const issuer = { certPem: newCa, keyPem: newKey };
    const chain = [makeSite({ names: NAMES, days: 397, keyPem: siteKey, issuer }), cross, ca, newCa];
    for (const root of [ca, newCa]) {
      expect(complaints(chain, root)).toEqual([]);
      expect(await goComplaints(chain, root)).toEqual([]);
    }
    expect(new X509Certificate(cross).subject).toBe(new X509Certificate(newCa).subject);
    expect(new X509Certificate(cross).subject).not.toBe(new X509Certificate(ca).subject);
  });

  test('but not a name that is not in it', () => {
    expect(verify([site], ca, '-verify_hostname', 'other.example')).toContain('hostname mismatch');
    expect(verify([site], ca, '-verify_ip', '10.0.3.18')).toContain('IP address mismatch');
  });

  test.skipIf(noGo)(`Go refuses the others too${noGo ? ` (skipped: ${noGo})` : ''}`, async () => {
    const [byName, byAddress] = await goComplaints([site], ca, ['other.example', '10.0.3.18']);
    expect(byName).toContain('not other.example');
    expect(byAddress).toContain('not 10.0.3.18');
  });
});

describe('over a real connection', () => {
  const own = () => makeSelfSigned({ names: NAMES, days: 397, keyPem: siteKey });
  test.each([
    ['ca-signed', () => ({ served: site + ca, trusted: ca })],
    ['self-signed', () => ({ served: own(), trusted: undefined })],
  ])('%s: Node connects by name, IPv4 and IPv6', async (_, certificates) => {
    const { served, trusted = served } = certificates();
    const server = createServer({ cert: served, key: siteKey }).listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as AddressInfo;
    const fault = (name: string) =>
      new Promise<string>((done) => {
        const socket = connect({
          ...{ host: '127.0.0.1', port, ca: trusted, servername: /[a-z]{2}/.test(name) ? name : '' },
          checkServerIdentity: (_host, cert) => checkServerIdentity(name, cert),
        });
        socket.once('secureConnect', () => done('')).once('error', (error) => done(error.message));
        socket.once('close', () => socket.destroy()).once('secureConnect', () => socket.end());
      });
    expect(await Promise.all(CALLED.map(fault))).toEqual(CALLED.map(() => ''));
    expect(await fault('other.example')).toContain("Hostname/IP does not match certificate's altnames");
    server.close();
  });
});

describe('an existing CA of any kind', () => {
  test.each([
    ['RSA', 'rsa_keygen_bits:2048', 'sha256WithRSAEncryption'],
    ['EC', 'ec_paramgen_curve:P-256', 'ecdsa-with-SHA256'],
    ['EC', 'ec_paramgen_curve:P-384', 'ecdsa-with-SHA384'],
    ['EC', 'ec_paramgen_curve:P-521', 'ecdsa-with-SHA512'],
    ['ED25519', '', 'ED25519'],
  ])('%s %s signs with %s', async (algorithm, option, signature) => {
    // A name of several parts and encodings, which has to be repeated byte by byte.
    const subject = '/DC=example/O=Müller \\& Söhne/OU=a+OU=b/CN=Root é';
    const root = make({
      key: key(algorithm, option),
      subject,
      extensions: [...CA, 'subjectKeyIdentifier=hash'],
    });
    const issuer = { certPem: root.cert, keyPem: root.key };
    const signed = makeSite({ names: NAMES, days: 10, keyPem: siteKey, issuer });
    expect(opensslText(signed)).toContain(`Signature Algorithm: ${signature}`);
    expect(complaints([signed], root.cert, CALLED.slice(0, 2))).toEqual([]);
    expect(await goComplaints([signed], root.cert, CALLED.slice(0, 2))).toEqual([]);
  });

  test('one without a key id, or with one of its own making', async () => {
    for (const extensions of [CA, [...CA, 'subjectKeyIdentifier=0102030405']]) {
      const root = make({ subject: '/CN=plain', extensions });
      const signed = makeSite({
        names: NAMES,
        days: 10,
        keyPem: siteKey,
        issuer: { certPem: root.cert, keyPem: root.key },
      });
      expect(await goComplaints([signed], root.cert, CALLED.slice(0, 2))).toEqual([]);
      // -x509_strict would want a key id of the root itself
      expect(openssl('verify', '-CAfile', file(root.cert), file(signed)).toString()).toContain(': OK');
    }
  });

  test('one with a kind of key that Docker does not know is refused', () => {
    const root = make({ key: key('EC', 'ec_paramgen_curve:secp256k1'), extensions: CA });
    const issuer = { certPem: root.cert, keyPem: root.key };
    expect(() => makeSite({ names: NAMES, days: 10, keyPem: siteKey, issuer })).toThrow(
      'Docker does not know (EC secp256k1)',
    );
  });
});

describe('dates', () => {
  test('nothing outlives its issuer', () => {
    const root = make({ extensions: CA, days: 20 });
    const issuer = { certPem: root.cert, keyPem: root.key };
    const end = new X509Certificate(root.cert).validTo;
    expect(new X509Certificate(makeSite({ names: ['a'], days: 397, keyPem: siteKey, issuer })).validTo).toBe(
      end,
    );
    expect(new X509Certificate(crossSign({ newCa: ca, oldCa: issuer })).validTo).toBe(end);
  });

  test('an issuer that has ended signs no more', () => {
    const now = new Date(Date.now() + 4000 * DAY);
    const issuer = { certPem: ca, keyPem: caKey };
    expect(() => makeSite({ names: ['a'], days: 1, keyPem: siteKey, issuer, now })).toThrow(
      'The CA ended on',
    );
  });

  test('any day until 2090, on both sides of 2050', () => {
    const { below } = random(4);
    for (let i = 0; i < 40; i++) {
      const now = new Date(
        Date.UTC(2025 + below(60), below(12), 1 + below(28), below(24), below(60), below(60)),
      );
      const days = 1 + below(2000);
      const made = new X509Certificate(makeSelfSigned({ names: ['a'], days, keyPem: siteKey, now }));
      expect(Date.parse(made.validFrom)).toBe(now.getTime() - 3_600_000);
      expect(Date.parse(made.validTo)).toBe(now.getTime() + days * DAY);
    }
  });

  test('a certificate over the turn of 2050 is accepted on both sides of it', () => {
    const now = new Date('2049-06-01T00:00:00Z');
    const own = makeSelfSigned({ names: ['registry.example'], days: 397, keyPem: siteKey, now });
    expect(opensslText(own)).toContain('Not After : Jul  3 00:00:00 2050 GMT');
    for (const when of ['2049-06-01', '2050-06-01']) {
      expect(complaints([own], own, ['registry.example'], new Date(`${when}T00:00:00Z`))).toEqual([]);
    }
  });
});

describe('names', () => {
  const generator = random(17);
  const { below, pick } = generator;
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const label = (length = 1 + below(12)) => Array.from({ length }, () => pick(letters)).join('');
  const group = () => below(65_536).toString(16);
  const kinds: (() => string)[] = [
    () => `${label()}.${label()}.example`,
    () => label(63),
    () => `${label()}-${label()}`.toUpperCase(),
    () => `${pick(['bücher', 'naïve', '東京', 'пример', 'straße'])}.${label()}.example`,
    () => Array.from({ length: 4 }, () => below(256)).join('.'),
    () => Array.from({ length: 8 }, group).join(':'),
    () => `${group()}::${group()}`,
    () => `${group()}:${group()}::`,
    () => `::${group()}:${group()}:${group()}`,
    () => `2001:DB8::${group()}:0:0:${group()}`,
    () => `::ffff:10.0.${below(256)}.${below(256)}`,
  ];
  const covers = (pem: string, name: string) => {
    const cert = new X509Certificate(pem);
    if (/:|^[\d.]+$/.test(name)) return cert.checkIP(name) !== undefined;
    return cert.checkHost(new URL(`http://${name}`).hostname, { subject: 'never' }) !== undefined;
  };

  test('whatever names go in are covered, and no others', async () => {
    const issuer = { certPem: ca, keyPem: caKey };
    for (let i = 0; i < 30; i++) {
      const names = Array.from({ length: 1 + below(12) }, () => pick(kinds)());
      const made = makeSite({ names, days: 10, keyPem: siteKey, issuer });
      expect(names.filter((name) => !covers(made, name))).toEqual([]);
      const others = kinds.map((kind) => kind()).filter((name) => !names.includes(name));
      expect(others.filter((name) => covers(made, name))).toEqual([]);
    }
    const names = kinds.map((kind) => kind());
    const called = names.map((name) => (name.includes(':') ? name : new URL(`http://${name}`).hostname));
    const made = makeSite({ names, days: 10, keyPem: siteKey, issuer });
    expect(complaints([made], ca, called)).toEqual([]);
    expect(await goComplaints([made], ca, called)).toEqual([]);
  });

  test('a hundred names', () => {
    const names = Array.from({ length: 100 }, (_, i) => `host-${i}.example`);
    const made = makeSite({ names, days: 10, keyPem: siteKey, issuer: { certPem: ca, keyPem: caKey } });
    expect(complaints([made], ca, ['host-0.example', 'host-99.example'])).toEqual([]);
  });

  test('a name of 253 characters, too long for a common name', async () => {
    const name = [label(63), label(63), label(63), label(61)].join('.');
    expect(name).toHaveLength(253);
    const own = makeSelfSigned({ names: [name], days: 10, keyPem: siteKey });
    expect(complaints([own], own, [name])).toEqual([]);
    expect(await goComplaints([own], own, [name])).toEqual([]);
    const long = makeCa({ name: `registry ${name}`, keyPem: caKey });
    const made = makeSite({
      names: [name],
      days: 10,
      keyPem: siteKey,
      issuer: { certPem: long, keyPem: caKey },
    });
    expect(complaints([made], long, [name])).toEqual([]);
    expect(await goComplaints([made], long, [name])).toEqual([]);
  });

  test('a name that is given twice, in two ways, is in it once', () => {
    const names = ['Registry.example', 'registry.example.', '::1', '0:0:0:0:0:0:0:1'];
    const made = new X509Certificate(makeSelfSigned({ names, days: 10, keyPem: siteKey }));
    expect(made.subjectAltName).toBe('DNS:registry.example, IP Address:0:0:0:0:0:0:0:1');
  });

  test.each([
    '',
    'a b',
    'https://a.example',
    'a.example:5000',
    '[::1]',
    'a..b',
    '*',
    'a.*.b',
    `${'a'.repeat(64)}.b`,
  ])('what is no name is refused: "%s"', (name) => {
    expect(() => makeSelfSigned({ names: [name], days: 10, keyPem: siteKey })).toThrow(
      'cannot be in a certificate',
    );
  });
});

test('a key is RSA of the size that was asked for, and nobody has to wait for it', async () => {
  const { createPrivateKey } = await import('node:crypto');
  let turns = 0;
  const clock = setInterval(() => turns++, 1);
  const made: KeyObject = createPrivateKey(await makeKey(2048));
  clearInterval(clock);
  expect(made.asymmetricKeyDetails?.modulusLength).toBe(2048);
  expect(turns).toBeGreaterThan(2);
});
