// Every usual form of a certificate and a key, made by openssl; and what people hand over instead.
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readCertificates, readPrivateKey } from '../../../../src/certificates/given/files.ts';
import { needsPassphrase } from '../../../../src/certificates/given/pair.ts';
import { Secret } from '../../../../src/secret.ts';
import { refusal } from '../../../helpers/authorities.ts';
import { newKey, withOpenssl, workshop } from '../../../helpers/openssl.ts';

withOpenssl(() => {
  const { openssl, make, file } = workshop();

  const rsaKey = newKey(2048);
  const site = make({ key: rsaKey, subject: '/CN=site' });
  const ca = make({ subject: '/CN=ca' });
  const [siteFile, rsaFile, ecFile] = [
    file(site.cert, 'site.pem'),
    file(rsaKey, 'rsa.key'),
    file(ca.key, 'ec.key'),
  ];
  const request = openssl('req', '-new', '-key', rsaFile, '-subj', '/CN=site', '-outform', 'DER');
  const publicKey = openssl('pkey', '-in', rsaFile, '-pubout');
  const chainFile = file(site.cert + ca.cert, 'chain.pem');
  const legacy = ['-provider', 'legacy', '-provider', 'default'];
  const locked = (...args: string[]) => openssl(...args, '-passout', 'pass:geheim');
  const der = (...args: string[]) => openssl(...args, '-outform', 'DER');
  const pair = ['-inkey', rsaFile, '-in', siteFile];
  const pfx = (passphrase: string, ...args: string[]) =>
    openssl('pkcs12', '-export', ...pair, '-passout', `pass:${passphrase}`, ...args);

  const given = (bytes: Buffer | string, flag = '--cert') => ({
    bytes: Buffer.from(bytes),
    where: `${flag} /root/site.pem`,
  });
  const names = (pems: string[]) => pems.map((pem) => new X509Certificate(pem).subject);
  const word = new Secret('geheim');

  describe('certificates', () => {
    const text = openssl('x509', '-in', siteFile, '-text').toString();
    test.each<[string, Buffer | string]>([
      ['PEM', site.cert + ca.cert],
      [
        'PEM with Windows line ends and text around it',
        `Bag\r\n${text}\n${ca.cert}\nend`.replaceAll('\n', '\r\n'),
      ],
      ['PEM with a byte order mark', `\uFEFF${site.cert}${ca.cert}`],
      ['PEM in UTF-16, by PowerShell', Buffer.from(`\uFEFF${site.cert}${ca.cert}`, 'utf16le')],
      ['PEM with one of them twice', site.cert + site.cert + ca.cert],
      ['PKCS#7, DER', der('crl2pkcs7', '-nocrl', '-certfile', chainFile)],
      ['PKCS#7, PEM', openssl('crl2pkcs7', '-nocrl', '-certfile', chainFile)],
    ])('%s', async (_, bytes) => {
      expect(names(await readCertificates(given(bytes)))).toEqual(['CN=site', 'CN=ca']);
    });

    test('DER, whatever the file is called', async () => {
      expect(names(await readCertificates(given(der('x509', '-in', siteFile))))).toEqual(['CN=site']);
    });

    test.each<[string, Buffer | string, string]>([
      ['nothing', '', 'this file is empty'],
      ['blanks', ' \n\n', 'this file is empty'],
      ['noise', randomBytes(5000), 'this file holds neither a certificate nor a key'],
      [
        'a text',
        'Dear colleague, here is the certificate',
        'this file holds neither a certificate nor a key',
      ],
      ['a key', rsaKey, 'this is a private key, not a certificate'],
      ['a key in DER', der('pkey', '-in', rsaFile), 'this is a private key, not a certificate'],
      ['a key among them', site.cert + rsaKey + ca.cert, 'a private key is among the certificates'],
      [
        'an encrypted key among them',
        site.cert + locked('pkey', '-aes256', '-in', rsaFile),
        'a private key is among',
      ],
      [
        'a request',
        openssl('req', '-inform', 'DER', '-in', file(request)),
        'this is a request for a certificate (CSR)',
      ],
      ['a request in DER', request, 'this is a request for a certificate (CSR)'],
      ['a public key', publicKey, 'this is a public key, not a certificate'],
      ['a PFX', pfx('geheim'), 'this is a PFX file'],
      ['one that was cut', site.cert.slice(0, 400), 'this file ends in the middle'],
      [
        'one of which a line was lost',
        site.cert.replace(/\n.*\n/, '\n'),
        'a certificate in this file is damaged',
      ],
      ['one on a single line', site.cert.replaceAll('\n', '\\n'), 'the line breaks were lost'],
      [
        'a damaged PKCS#7',
        der('crl2pkcs7', '-nocrl', '-certfile', chainFile).subarray(0, 200),
        'this PKCS#7 file is damaged',
      ],
    ])('refused: %s', async (_, bytes, message) => {
      expect(await refusal(() => readCertificates(given(bytes)))).toContain(
        `--cert /root/site.pem: ${message}`,
      );
    });

    test.each([
      ['10 MB of noise', randomBytes(10_000_000)],
      ['1 MB of blocks without an end', Buffer.from('-----BEGIN CERTIFICATE-----\n'.repeat(37_000))],
      ['1 MB without a line break', Buffer.alloc(1_000_000, '-----BEGIN ')],
      ['1 MB of DER within DER', Buffer.alloc(1_000_000, '3080', 'hex')],
    ])('refused at once: %s', async (_, bytes) => {
      const start = performance.now();
      await refusal(() => readCertificates(given(bytes)));
      await refusal(() => readPrivateKey(given(bytes, '--key')));
      expect(performance.now() - start).toBeLessThan(1000);
    });
  });

  describe('keys', () => {
    test.each<[string, Buffer | string, string]>([
      ['PKCS#8', rsaKey, 'rsa'],
      ['PKCS#1', openssl('rsa', '-in', rsaFile, '-traditional'), 'rsa'],
      ['SEC1, with its parameters', openssl('ecparam', '-name', 'secp384r1', '-genkey'), 'ec'],
      ['Ed25519', newKey('Ed25519'), 'ed25519'],
      ['with certificates around it', site.cert + rsaKey, 'rsa'],
      ['PKCS#8, DER', der('pkcs8', '-topk8', '-nocrypt', '-in', rsaFile), 'rsa'],
      ['PKCS#1, DER', der('rsa', '-in', rsaFile, '-traditional'), 'rsa'],
      ['SEC1, DER', der('ec', '-in', ecFile), 'ec'],
    ])('%s', async (_, bytes, type) => {
      const pem = readPrivateKey(given(bytes, '--key'));
      expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
      expect(createPrivateKey(pem).asymmetricKeyType).toBe(type);
      expect(await needsPassphrase(Buffer.from(bytes))).toBe(false);
    });

    test.each([
      ['PKCS#8', locked('pkcs8', '-topk8', '-in', rsaFile)],
      ['PKCS#8 with 3DES', locked('pkcs8', '-topk8', '-v1', 'PBE-SHA1-3DES', '-in', rsaFile)],
      ['PKCS#8, DER', locked('pkcs8', '-topk8', '-in', rsaFile, '-outform', 'DER')],
      ['PKCS#1 (DEK-Info)', locked('rsa', '-in', rsaFile, '-traditional', '-aes128')],
      ['SEC1 (DEK-Info)', locked('ec', '-in', ecFile, '-aes128')],
    ])('encrypted: %s', async (_, bytes) => {
      const file = given(bytes, '--key');
      expect(readPrivateKey(file, word)).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
      expect(await needsPassphrase(bytes)).toBe(true);
      expect(await refusal(() => readPrivateKey(file))).toContain(
        'this file has a passphrase, and none was given',
      );
      const wrong = await refusal(() => readPrivateKey(file, new Secret('falsch')));
      expect(wrong).toBe('--key /root/site.pem: the passphrase does not open this file');
    });

    test('encrypted with an outdated cipher: the error shows the command that converts the key', async () => {
      const old = locked('pkcs8', '-topk8', '-v1', 'PBE-MD5-DES', '-in', rsaFile, ...legacy);
      expect(await refusal(() => readPrivateKey(given(old, '--key'), word))).toContain(
        'OpenSSL 3 no longer reads',
      );
    });

    test.each<[string, Buffer | string, string]>([
      ['a certificate', site.cert, 'this is a certificate, not a private key'],
      ['a certificate in DER', der('x509', '-in', siteFile), 'this is a certificate, not a private key'],
      ['a public key', publicKey, 'this is a public key; its private key is needed'],
      [
        'a public key in DER',
        der('pkey', '-in', rsaFile, '-pubout'),
        'this is a public key; its private key is needed',
      ],
      ['a request', request, 'this is a request (CSR)'],
      ['two keys', rsaKey + ca.key, 'this file holds 2 private keys'],
      ['an SSH key', rsaKey.replaceAll('PRIVATE', 'OPENSSH PRIVATE'), 'this is a key for SSH'],
      ['one of which a line was lost', rsaKey.replace(/\n.*\n/, '\n'), 'this private key is damaged'],
      ['nothing', '', 'this file is empty'],
    ])('refused: %s', async (_, bytes, message) => {
      expect(await refusal(() => readPrivateKey(given(bytes, '--key')))).toContain(
        `--key /root/site.pem: ${message}`,
      );
    });

    test('no refusal shows the passphrase', async () => {
      const file = given(locked('pkcs8', '-topk8', '-in', rsaFile), '--key');
      expect(await refusal(() => readPrivateKey(file, new Secret('Wr0ng-Word')))).not.toContain('Wr0ng-Word');
    });
  });
});
