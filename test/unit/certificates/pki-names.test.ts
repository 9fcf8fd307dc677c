// Whatever names and dates a certificate is to have: properties, judged by openssl, Node and Go.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { crossSign, makeCa, makeSelfSigned, makeSite } from '../../../src/certificates/pki.ts';
import { clients } from '../../helpers/clients.ts';
import { CA, newKey, random, withOpenssl, workshop } from '../../helpers/openssl.ts';

const DAY = 86_400_000;

withOpenssl(() => {
  const shop = workshop();
  const { opensslComplains, goComplains } = clients(shop);
  const [caKey, keyPem] = [newKey(), newKey()];
  const ca = makeCa({ name: 'ca', keyPem: caKey });
  const issuer = { certPem: ca, keyPem: caKey };
  const site = (names: string[], by = issuer) => makeSite({ names, days: 10, keyPem, issuer: by });
  const own = (names: string[], days = 10, now = new Date()) => makeSelfSigned({ names, days, keyPem, now });

  async function complaints(cert: string, roots: string, names: string[]): Promise<string[]> {
    const ofGo = await goComplains({ chain: cert, key: keyPem, roots }, names);
    return [...opensslComplains([cert], roots, names), ...ofGo];
  }

  describe('names', () => {
    const { below, pick } = random(17);
    const label = (length = 1 + below(12)) =>
      Array.from({ length }, () => pick('abcdefghijklmnopqrstuvwxyz0123456789')).join('');
    const group = () => below(65_536).toString(16);
    const kinds = [
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
    /** As a client writes it. */
    const called = (name: string) => (isIP(name) ? name : new URL(`http://${name}`).hostname);
    const covers = (cert: X509Certificate, name: string) =>
      (isIP(name) ? cert.checkIP(name) : cert.checkHost(called(name), { subject: 'never' })) !== undefined;

    test('a certificate covers exactly the names that were asked for', async () => {
      for (let i = 0; i < 50; i++) {
        const names = Array.from({ length: 1 + below(12) }, () => pick(kinds)());
        const others = kinds.map((kind) => kind()).filter((name) => !names.includes(name));
        const made = new X509Certificate(site(names));
        expect(names.filter((name) => !covers(made, name))).toEqual([]);
        expect(others.filter((name) => covers(made, name))).toEqual([]);
      }
      const names = kinds.map((kind) => kind());
      expect(await complaints(site(names), ca, names.map(called))).toEqual([]);
    });

    test('a hundred names', async () => {
      const names = Array.from({ length: 100 }, (_, i) => `host-${i}.example`);
      expect(await complaints(site(names), ca, ['host-0.example', 'host-99.example'])).toEqual([]);
    });

    test('a name of 253 characters, too long for a common name', async () => {
      const name = [label(63), label(63), label(63), label(61)].join('.');
      expect(name).toHaveLength(253);
      const itself = own([name]);
      expect(await complaints(itself, itself, [name])).toEqual([]);
      const long = makeCa({ name: `registry ${name}`, keyPem: caKey });
      expect(await complaints(site([name], { certPem: long, keyPem: caKey }), long, [name])).toEqual([]);
    });

    test('a name given in two spellings is in the certificate once', () => {
      const made = new X509Certificate(own(['A.example', 'a.example.', '::1', '0:0:0:0:0:0:0:1']));
      expect(made.subjectAltName).toBe('DNS:a.example, IP Address:0:0:0:0:0:0:0:1');
    });

    const none = [
      '',
      'a b',
      'https://a.example',
      'a.example:5000',
      '[::1]',
      'a..b',
      '*',
      'a.*.b',
      `${'a'.repeat(64)}.b`,
    ];
    test.each(none)('refuses what is not a name: "%s"', (name) => {
      expect(() => own([name])).toThrow('cannot be in a certificate');
    });
  });

  describe('dates', () => {
    const ends = (pem: string) => Date.parse(new X509Certificate(pem).validTo);

    test('no certificate outlives its issuer', () => {
      const root = shop.make({ extensions: CA, days: 5 });
      const brief = { certPem: root.cert, keyPem: root.key };
      expect(ends(site(['a'], brief))).toBe(ends(root.cert));
      expect(ends(crossSign({ newCa: ca, oldCa: brief }))).toBe(ends(root.cert));
    });

    test('an expired issuer signs nothing', () => {
      const now = new Date(Date.now() + 4000 * DAY);
      expect(() => makeSite({ names: ['a'], days: 1, keyPem, issuer, now })).toThrow(
        /^The CA ended on 20.* UTC; the clock of this machine says 20.* UTC\.$/,
      );
    });

    test('any second until 2085, on both sides of 2050', () => {
      const { below } = random(4);
      for (let i = 0; i < 100; i++) {
        const now = new Date(Date.UTC(2025, 0, 1) + below(60 * 365 * 86_400) * 1000);
        const days = 1 + below(2000);
        const made = own(['a'], days, now);
        const from = Date.parse(new X509Certificate(made).validFrom);
        expect(from).toBe(now.getTime() - (days === 1 ? DAY / 2 : DAY));
        expect(ends(made)).toBe(from + days * DAY - 1_000);
      }
    });

    test('a certificate that spans 2050 is accepted before and after', () => {
      const made = own(['a.example'], 397, new Date('2049-06-01T00:00:00Z'));
      const at = (when: string) => opensslComplains([made], made, ['a.example'], new Date(when));
      expect([...at('2049-06-01T00:00:00Z'), ...at('2050-07-01T00:00:00Z')]).toEqual([]);
      expect(at('2050-07-03T00:00:00Z')).toEqual([expect.stringContaining('expired')]);
    });
  });
});
