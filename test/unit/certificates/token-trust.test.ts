import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeCa } from '../../../src/certificates/pki.ts';
import { tokenTrust } from '../../../src/certificates/token-trust.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { newKey } from '../../helpers/openssl.ts';

const settings = { dir: '/opt/registry', tokenCert: '/srv/token.crt' } as Settings;
function hostWith(files: Record<string, string>) {
  const host = fakeHost();
  for (const [path, text] of Object.entries(files)) host.put(path, text);
  return host;
}
const key = newKey();
const jwk = createPublicKey(createPrivateKey(key)).export({ format: 'jwk' });

test('a certificate is taken; a JWKS as it is', async () => {
  const cert = makeCa({ name: 'tokens', keyPem: key });
  const trust = await tokenTrust(settings, hostWith({ '/srv/token.crt': cert }));
  expect(trust.certs.map((pem) => pem.trim())).toEqual([cert.trim()]);
  const text = JSON.stringify({ keys: [{ ...jwk, kid: 'k1' }] });
  expect(await tokenTrust(settings, hostWith({ '/srv/token.crt': text }))).toEqual({
    certs: [],
    jwks: `${text}\n`,
  });
});

test('a file that is gone does not matter: the registry has a copy', async () => {
  const cert = makeCa({ name: 'tokens', keyPem: key });
  const trust = await tokenTrust(settings, hostWith({ '/opt/registry/config/token.crt': cert }));
  expect(createHash('sha256').update(trust.certs.join('').trim()).digest('hex')).toBe(
    createHash('sha256').update(cert.trim()).digest('hex'),
  );
});

test.each([
  ['nothing', undefined, 'there is no such file'],
  ['noise', 'hello\n', 'neither a certificate nor a key'],
  ['a private key', key, 'this is a private key'],
  ['broken JSON', '{"keys": [', 'its JSON is damaged'],
  ['other JSON', '{"a": 1}', 'is no JWKS'],
  ['no keys', '{"keys": []}', 'is no JWKS'],
  [
    'a private JWKS',
    JSON.stringify({ keys: [createPrivateKey(key).export({ format: 'jwk' })] }),
    'a private key',
  ],
])('%s is refused', async (_, text, message) => {
  const host = hostWith(text === undefined ? {} : { '/srv/token.crt': text });
  await expect(tokenTrust(settings, host)).rejects.toMatchObject({
    exitCode: 2,
    problems: [{ where: '--token-cert /srv/token.crt', message: expect.stringContaining(message) }],
  });
});
