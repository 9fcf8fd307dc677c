// A certificate with its key: PFX files as OpenSSL and Windows make them, and two files.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needsPassphrase, readPair } from '../../../../src/certificates/given/pair.ts';
import { Secret } from '../../../../src/secret.ts';
import { refusal } from '../../../helpers/authorities.ts';
import { newKey, withOpenssl, workshop } from '../../../helpers/openssl.ts';

withOpenssl(() => {
  const { openssl, make, file } = workshop();
  const rsaKey = newKey(2048);
  const site = make({ key: rsaKey, subject: '/CN=site' });
  const ca = make({ subject: '/CN=ca' });
  const [siteFile, rsaFile] = [file(site.cert), file(rsaKey)];
  const [caFile, ecFile] = [file(ca.cert), file(ca.key)];
  const word = new Secret('geheim');
  const given = (bytes: Buffer | string, flag = '--cert') => ({
    bytes: Buffer.from(bytes),
    where: `${flag} /root/site.pfx`,
  });
  const pair = ['-inkey', rsaFile, '-in', siteFile];
  const pfx = (passphrase: string, ...args: string[]) =>
    openssl('pkcs12', '-export', ...pair, '-passout', `pass:${passphrase}`, ...args);

  describe('PFX', () => {
    test.each([
      ['as OpenSSL 3 makes it', 'geheim', () => pfx('geheim', '-certfile', caFile)],
      ['as Windows made it (3DES, RC2)', 'geheim', () => pfx('geheim', '-certfile', caFile, '-legacy')],
      ['with a passphrase beyond ASCII', 'pässwörd €', () => pfx('pässwörd €', '-certfile', caFile)],
      [
        'the old way, with a passphrase beyond ASCII',
        'pässwörd €',
        () => pfx('pässwörd €', '-certfile', caFile, '-legacy'),
      ],
    ])('%s', async (_, passphrase, make) => {
      const cert = given(make());
      expect(await needsPassphrase(cert.bytes)).toBe(true);
      for (const files of [{ cert }, { cert, key: cert }]) {
        const read = await readPair(files, new Secret(passphrase));
        expect(read.certificates).toEqual([site.cert, ca.cert]);
        expect(read.key).toBe(rsaKey);
      }
      expect(await refusal(() => readPair({ cert }))).toContain('this file has a passphrase');
      expect(await refusal(() => readPair({ cert }, new Secret('fälsch')))).toContain(
        'the passphrase does not open',
      );
    });

    test('with an elliptic curve, and without a passphrase', async () => {
      const args = ['pkcs12', '-export', '-inkey', ecFile, '-in', caFile, '-passout', 'pass:'];
      for (const bytes of [
        openssl(...args),
        openssl(...args, '-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac'),
      ]) {
        expect(await needsPassphrase(bytes)).toBe(false);
        expect(await readPair({ cert: given(bytes) })).toEqual({ certificates: [ca.cert], key: ca.key });
      }
    });

    // One file in some hundreds: decrypted by the bytes of UTF-16, it ends in what looks like padding, and is nonsense.
    test('a passphrase of which another encoding seems to fit', async () => {
      const cert = given(readFileSync(new URL('../../../fixtures/pfx/other-bytes-fit.pfx', import.meta.url)));
      const { certificates } = await readPair({ cert }, new Secret('pässwörd €'));
      expect(certificates).toHaveLength(1);
      expect(await refusal(() => readPair({ cert }, new Secret('fälsch')))).toContain(
        'the passphrase does not open',
      );
    });

    test('without a key, or broken', async () => {
      const trust = given(
        openssl('pkcs12', '-export', '-nokeys', '-in', siteFile, '-passout', 'pass:geheim'),
      );
      expect(await refusal(() => readPair({ cert: trust }, word))).toContain('holds no private key');
      expect((await readPair({ cert: trust, key: given(rsaKey, '--key') }, word)).key).toBe(rsaKey);
      const broken = given(pfx('geheim').subarray(0, 900));
      expect(await refusal(() => readPair({ cert: broken }, word))).toContain('this PFX file is damaged');
    });
  });

  test('a certificate without its key', async () => {
    expect(await refusal(() => readPair({ cert: given(site.cert) }))).toContain(
      'the key of this certificate is missing',
    );
  });
});
