// A proxy of somebody else in front, and a token server that exists: what the flags mean, and what is refused.
import { expect, test } from 'vitest';
import { readArguments } from '../../../src/settings/arguments.ts';
import { inClear } from '../../../src/settings/in-clear.ts';
import { resolveSettings } from '../../../src/settings/resolve.ts';
import type { Settings } from '../../../src/settings/settings.ts';

const PLACE = { dir: '/opt/registry', host: '10.0.3.17', engine: 'docker' as const };
const resolved = (words: string[]) => resolveSettings(readArguments(words).answers, PLACE);
function settings(line: string): Settings {
  const result = resolved(line.split(' ').filter(Boolean));
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.settings;
}
function problems(line: string) {
  const result = resolved(line.split(' ').filter(Boolean));
  return 'problems' in result ? result.problems : [];
}

test('behind a proxy the registry has its name, and listens on loopback without TLS', () => {
  expect(settings('--external-url https://Hub.Example.com/')).toMatchObject({
    externalUrl: 'https://hub.example.com',
    host: 'hub.example.com',
    port: 5000,
    bind: '127.0.0.1',
    tls: 'insecure',
  });
  expect(
    settings('--external-url https://hub.example.com:8443 --tls self-signed --bind 10.0.3.17 --port 5001'),
  ).toMatchObject({ tls: 'self-signed', bind: '10.0.3.17', port: 5001 });
});

test('an empty URL is no proxy', () => {
  const result = resolved(['--external-url', '']);
  expect(result).toMatchObject({ settings: { host: '10.0.3.17', bind: '0.0.0.0', tls: 'ca-signed' } });
  expect('settings' in result && 'externalUrl' in result.settings).toBe(false);
});

test.each([
  ['hub.example.com', 'begins with https://', '--external-url https://hub.example.com'],
  ['https://hub.example.com/registry', 'has a path', '--external-url https://hub.example.com'],
  ['https://hub.example.com/#x', 'has a fragment', '--external-url https://hub.example.com'],
  ['https://hub.example.com?x=1', 'has a query', '--external-url https://hub.example.com'],
  ['ftp://hub.example.com', 'a registry speaks https or http, not ftp', '--external-url https://NAME'],
  ['https://my_hub.corp', 'cannot contain an underscore', '--external-url https://my-hub.corp'],
  ['https://', 'is not a URL', '--external-url https://NAME'],
  ['https://hub:0', 'a port is a number from 1', undefined],
])('%s is refused', (url, message, fix) => {
  const found = problems(`--external-url ${url}`);
  expect(found).toMatchObject([{ where: '--external-url', message: expect.stringContaining(message) }]);
  expect(found[0]?.fix).toBe(fix);
});

test('a password in a URL is refused, and not repeated', () => {
  const found = problems('--external-url https://ann:geheim@hub.example.com');
  expect(found).toMatchObject([
    { where: '--external-url', message: expect.stringContaining('holds a login') },
  ]);
  expect(JSON.stringify(found)).not.toContain('geheim');
  const realm = problems(
    '--auth token --token-realm https://ann:geheim@kc/x --token-cert /f --token-issuer i',
  );
  expect(realm).toMatchObject([
    { where: '--token-realm', message: expect.stringContaining('holds a login') },
  ]);
  expect(JSON.stringify(realm)).not.toContain('geheim');
});

test('another name than that of the URL is refused, unless it is that of the last run', () => {
  expect(problems('--host other.example --external-url https://hub.example.com')).toMatchObject([
    { where: '--host', message: 'says other.example, and the proxy in front is called hub.example.com' },
  ]);
  const { answers } = readArguments(['--external-url', 'https://hub.example.com']);
  const last = { host: { value: 'other.example', where: 'settings.yml: host', last: true as const } };
  expect(resolveSettings({ ...last, ...answers }, PLACE)).toMatchObject({
    settings: { host: 'hub.example.com' },
  });
});

test.each([
  ['--tls insecure', 'clients'],
  ['--tls insecure --auth none', undefined],
  ['--tls ca-signed', undefined],
  ['--external-url https://hub', undefined],
  ['--external-url http://hub', 'clients'],
  ['--external-url https://hub --bind 10.1.2.3', undefined],
  ['--external-url https://hub --bind 172.31.0.1', undefined],
  ['--external-url https://hub --bind 192.168.1.1', undefined],
  ['--external-url https://hub --bind ::1', undefined],
  ['--external-url https://hub --bind fd00::1', undefined],
  ['--external-url https://hub --bind 0.0.0.0', 'proxy'],
  ['--external-url https://hub --bind ::', 'proxy'],
  ['--external-url https://hub --bind 172.32.0.1', 'proxy'],
  ['--external-url https://hub --bind 203.0.113.9', 'proxy'],
  ['--external-url https://hub --bind 2001:db8::1', 'proxy'],
  ['--external-url https://hub --bind 203.0.113.9 --tls ca-signed', undefined],
])('passwords travel in clear with %s: %s', (line, where) => {
  expect(inClear(settings(line))).toBe(where);
});

const SERVER = '--auth token --token-realm https://kc.corp/auth --token-cert /srv/t.crt --token-issuer kc';

test('with a token server that exists nobody is a user here', () => {
  expect(settings(SERVER)).toMatchObject({
    users: [],
    tokenRealm: 'https://kc.corp/auth',
    tokenCert: '/srv/t.crt',
    tokenIssuer: 'kc',
  });
  // No docker_auth is needed: the registry may be a program of the machine.
  expect(problems(`${SERVER} --engine native`)).toEqual([]);
});

test.each([
  ['--auth token --token-realm kc.corp/auth', '--token-realm', 'begins with https://'],
  [
    '--auth token --token-realm https://kc.corp/auth --token-issuer i',
    '--token-realm',
    'needs the certificate',
  ],
  ['--auth token --token-realm https://kc.corp/auth --token-cert /f', '--token-realm', 'needs the name'],
  ['--auth token --token-cert /f', '--token-cert', 'is about a token server that is not given'],
  [
    '--token-realm https://kc.corp/auth --token-cert /f',
    '--token-realm',
    'goes with --auth token, not with htpasswd',
  ],
  [`${SERVER} --user ann`, '--user', 'is known to the token server alone'],
  [`${SERVER} --reader ann`, '--reader', 'is known to the token server alone'],
  [`${SERVER} --prune --keep-last 3`, '--prune', 'needs a way in'],
])('%s is refused', (line, where, message) => {
  expect(problems(line)).toContainEqual(
    expect.objectContaining({ where, message: expect.stringContaining(message) }),
  );
});
