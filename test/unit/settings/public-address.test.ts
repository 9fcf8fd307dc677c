import { expect, test } from 'vitest';
import { addressedBy, clientFlags, publicAddress } from '../../../src/settings/public-address.ts';

const own = { host: '10.0.3.17', port: 5000, tls: 'ca-signed' };

test.each([
  [own, 'https://10.0.3.17:5000', '10.0.3.17:5000', ['--host', '10.0.3.17']],
  [
    { ...own, host: 'reg.corp', port: 5443 },
    'https://reg.corp:5443',
    'reg.corp:5443',
    ['--host', 'reg.corp', '--port', '5443'],
  ],
  [
    { ...own, host: 'reg.corp', port: 443 },
    'https://reg.corp',
    'reg.corp',
    ['--host', 'reg.corp', '--port', '443'],
  ],
  [{ ...own, host: 'reg', port: 443 }, 'https://reg', 'reg:443', ['--host', 'reg', '--port', '443']],
  [{ ...own, host: '[fd00::1]' }, 'https://[fd00::1]:5000', '[fd00::1]:5000', ['--host', '[fd00::1]']],
  [
    { ...own, tls: 'insecure' },
    'http://10.0.3.17:5000',
    '10.0.3.17:5000',
    ['--host', 'http://10.0.3.17:5000'],
  ],
  [{ ...own, tls: 'insecure', port: 80 }, 'http://10.0.3.17', '10.0.3.17:80', ['--host', 'http://10.0.3.17']],
])('%j is its own address', (settings, origin, name, flags) => {
  expect(publicAddress(settings)).toMatchObject({
    origin,
    name,
    port: settings.port,
    tls: settings.tls !== 'insecure',
  });
  expect(clientFlags(settings)).toEqual(flags);
});

test.each([
  ['https://hub.example.com', 'hub.example.com', 443, ['--host', 'https://hub.example.com']],
  [
    'https://hub.example.com:8443',
    'hub.example.com:8443',
    8443,
    ['--host', 'hub.example.com', '--port', '8443'],
  ],
  ['http://hub.lan', 'hub.lan:80', 80, ['--host', 'http://hub.lan']],
])('people use %s in place of the own address', (externalUrl, name, port, flags) => {
  const settings = { ...own, tls: 'insecure', externalUrl };
  expect(publicAddress(settings)).toEqual({
    origin: externalUrl,
    name,
    host: new URL(externalUrl).hostname,
    port,
    tls: externalUrl.startsWith('https'),
  });
  expect(clientFlags(settings)).toEqual(flags);
});

test('a settings file that was broken by hand still has an address', () => {
  const words: Record<string, unknown> = {
    host: 'a b',
    port: 5000,
    tls: 'insecure',
    'external-url': 'nonsense',
  };
  expect(publicAddress(addressedBy((name) => words[name])).origin).toBe('http://a b:5000');
});
