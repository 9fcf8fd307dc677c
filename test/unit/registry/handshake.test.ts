// The proof over TLS: what is served is trusted under every name, or the person is told in words why it is not.
import { createServer } from 'node:https';
import { describe, expect, test } from 'vitest';
import { crossSign, type Issuer, makeCa, makeSelfSigned, makeSite } from '../../../src/certificates/pki.ts';
import { refusalReasons } from '../../../src/certificates/refusal.ts';
import type { Site } from '../../../src/certificates/site.ts';
import type { CliError } from '../../../src/errors.ts';
import { checkTls } from '../../../src/server/checks/tls.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { listening } from '../../helpers/listening.ts';
import { newKey, SITE, withOpenssl, workshop } from '../../helpers/openssl.ts';

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
const key = newKey();
const caNamed = (name: string, now = new Date()): Issuer => {
  const keyPem = newKey();
  return { keyPem, certPem: makeCa({ name, keyPem, now }) };
};
const ca = caNamed('registry one');
const leafOf = (names: string[], issuer = ca, now = new Date()) =>
  makeSite({ names, days: 30, keyPem: key, issuer, now });

/** Serves a chain to clients that trust the roots, and checks it. Connects to 127.0.0.1. */
async function check(
  chain: string[],
  host: string,
  more: Partial<Site> & { settings?: Partial<Settings> } = {},
): Promise<string> {
  const { settings, ...rest } = more;
  const server = createServer({ key, cert: chain.join('') }, (_, reply) => reply.end());
  const at = { tls: true, host, port: await listening(server), connectTo: '127.0.0.1' };
  const site = {
    chain: chain.join(''),
    key,
    roots: chain.slice(-1),
    publicCa: false,
    fresh: true,
    warnings: [],
  };
  return checkTls({ ...site, ...rest }, [at], { host, ...settings } as Settings);
}

const failure = (checked: Promise<string>) =>
  checked.then(
    () => expect.unreachable(),
    (error) => error as CliError,
  );

describe('trusted', () => {
  test.each([
    ['an address alone, which is not the one that is connected to', ['10.0.3.17'], '10.0.3.17', 'its name'],
    ['an address and a name', ['reg.example', '10.0.3.17'], 'reg.example', 'its 2 names'],
    ['an IPv6 address in another spelling', ['2001:db8::17'], '[2001:DB8:0::17]', 'its name'],
    ['a wildcard: under the name that clients use', ['*.lab.example'], 'reg.lab.example', 'its name'],
    ['a wildcard below a top-level name, which Docker takes', ['*.lan'], 'reg.lan', 'its name'],
    [
      'what this program makes',
      ['10.0.3.17', 'server', 'localhost', '127.0.0.1', '::1', 'fd00::17'],
      '10.0.3.17',
      'its 6 names',
    ],
  ])('%s', async (_, names, host, wanted) => {
    expect(await check([leafOf(names), ca.certPem], host)).toBe(`Trusted over TLS under ${wanted}`);
    const own = makeSelfSigned({ names, days: 9, keyPem: key });
    expect(await check([own], host)).toBe(`Trusted over TLS under ${wanted}`);
  });

  test('a CA that is being replaced, by clients of the old and of the new root', async () => {
    const next = caNamed('registry two');
    const cross = crossSign({ newCa: next.certPem, oldCa: ca });
    const chain = [leafOf(['10.0.3.17'], next), cross, ca.certPem, next.certPem];
    expect(await check(chain, '10.0.3.17', { roots: [next.certPem, ca.certPem] })).toContain('Trusted');
  });

  withOpenssl(() => {
    test('names that no client can use are not a fault of the certificate', async () => {
      const { make } = workshop();
      const root = { cert: ca.certPem, key: ca.keyPem };
      const odd =
        'IP:10.0.3.17,DNS:reg.example:5000,DNS:reg*.corp.example,DNS:a b,URI:https://x.example/,email:a@b';
      const { cert } = make({ key, by: root, extensions: [...SITE, `subjectAltName=${odd}`] });
      expect(await check([cert, ca.certPem], '10.0.3.17')).toContain('Trusted');
    });
  });
});

describe('refused, in words', () => {
  const early = caNamed('registry early', inDays(20));

  test.each<[string, string[], string, Partial<Site>, RegExp]>([
    [
      'a name that is not in it',
      [leafOf(['reg.example', '10.0.3.17']), ca.certPem],
      '10.0.3.18',
      {},
      /^the certificate is not for 10\.0\.3\.18; it is for reg\.example, 10\.0\.3\.17$/,
    ],
    [
      'a certificate that is not valid yet',
      [leafOf(['reg.example'], ca, inDays(20)), ca.certPem],
      'reg.example',
      {},
      /^the certificate is not valid before 20.* UTC; the clock of this machine says 20.* UTC$/,
    ],
    [
      'one that has ended',
      [leafOf(['reg.example'], ca, inDays(-40)), ca.certPem],
      'reg.example',
      {},
      /^the certificate ended on 20.* UTC; the clock of this machine says 20.* UTC$/,
    ],
    [
      'a CA that is not valid yet',
      [leafOf(['reg.example'], early), early.certPem],
      'reg.example',
      {},
      /^"CN=registry early, serialNumber=.*", above it, is not valid before 20.* UTC; the clock of this machine/,
    ],
    [
      'a CA that clients do not trust',
      [leafOf(['reg.example']), ca.certPem],
      'reg.example',
      { roots: [caNamed('registry other').certPem] },
      /^"CN=reg\.example" was signed by "CN=registry one, serialNumber=.*", which is not trusted$/,
    ],
    [
      'one that the public does not trust',
      [leafOf(['reg.example'])],
      'reg.example',
      { publicCa: true },
      /^"CN=reg\.example" was signed by "CN=registry one, serialNumber=.*", which is not trusted$/,
    ],
    [
      'one that signed itself',
      [makeSelfSigned({ names: ['reg.example'], days: 9, keyPem: key })],
      'reg.example',
      { roots: [ca.certPem] },
      /^"CN=reg\.example, serialNumber=.*" was signed by itself, which is not trusted$/,
    ],
  ])('%s', async (_, chain, host, site, why) => {
    const error = await failure(check(chain, host, site));
    expect(error.message).toBe(`A client that calls the registry ${host} would refuse it.`);
    expect(error.why).toMatch(why);
    expect(error.why, 'no code').not.toMatch(/[A-Z]+_[A-Z_]+/);
  });

  test('a fault that only the TLS library finds is shown in its words', () => {
    const chain = [leafOf(['reg.example']), ca.certPem];
    expect(refusalReasons('INVALID_PURPOSE', { chain, roots: [ca.certPem], name: 'reg.example' })).toEqual([
      'its chain is not valid: invalid purpose',
    ]);
  });

  test('the fix: another file, or a new certificate; and the clock if a date is wrong', async () => {
    const ways = async (chain: string[], settings: Partial<Settings>) =>
      (await failure(check(chain, 'a.example', { settings }))).fix;
    const other = [leafOf(['reg.example']), ca.certPem];
    expect(await ways(other, {})).toEqual(['A new certificate:   registry-setup rotate']);
    expect(await ways(other, { cert: '/c.crt', key: '/c.key' })).toEqual([
      'With a new file:   registry-setup --cert FILE --key FILE',
    ]);
    expect(await ways(other, { caCert: '/ca.crt' })).toEqual([
      'With another CA:   registry-setup --ca-cert FILE --ca-key FILE',
    ]);
    const ended = [leafOf(['a.example'], ca, inDays(-40)), ca.certPem];
    expect(await ways(ended, {})).toContain('Is the clock of this machine right?   timedatectl');
  });
});
