import { describe, expect, test } from 'vitest';
import { addressOf, placeOn } from '../../../../src/server/gateway/gateway.ts';
import { filledPage, gatewayConfig, writersText } from '../../../../src/server/gateway/nginx.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import type { Settings } from '../../../../src/settings/settings.ts';

function settingsOf(...words: string[]): Settings {
  const { answers } = readArguments(words);
  const result = resolveSettings(answers, { dir: '/opt/registry', host: 'reg.example', engine: 'docker' });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.settings;
}
const FACTS = { subnet: '172.31.255.64/28', user: { uid: 899, gid: 899 } };
/** Returns the directives, without comments and indentation. */
const directives = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

describe('the configuration of nginx', () => {
  test.each(['--ui', '--gateway', '--gateway --reader bob', '--ui --auth token', '--ui --tls insecure'])(
    '%s: nothing of the template is left, and the braces fit',
    (line) => {
      const text = gatewayConfig(settingsOf(...line.split(' ')), FACTS);
      expect(text).not.toMatch(/^\s*#[<>]|192\.0\.2\./m);
      // Those in a string are JSON.
      const bare = text.replace(/'[^']*'|"[^"]*"|#.*/g, '');
      expect(bare.split('{').length).toBe(bare.split('}').length);
      expect(text).toContain('server 172.31.255.66:5000;');
    },
  );

  test('TLS ends here, with the minimum of the registry', () => {
    const lines = directives(gatewayConfig(settingsOf('--gateway'), FACTS));
    expect(lines).toContain('listen 5000 ssl;');
    expect(lines).toContain('ssl_protocols TLSv1.2 TLSv1.3;');
    const plain = directives(gatewayConfig(settingsOf('--gateway', '--tls', 'insecure'), FACTS));
    expect(plain.filter((line) => /ssl|https:/.test(line))).toEqual([]);
    expect(plain).toContain('listen 5000;');
  });

  test('an nginx before 1.25.1 has HTTP/2 as a word of listen', () => {
    const lines = (nginx: string) =>
      directives(gatewayConfig(settingsOf('--ui'), { ...FACTS, image: { id: 'x', nginx } }));
    for (const version of ['1.22.1', '1.25.0', '1.9.5']) {
      expect(lines(version)).toContain('listen 5000 ssl http2;');
      expect(lines(version)).not.toContain('http2 on;');
    }
    for (const version of ['1.25.1', '1.26.0', '2.0.0']) expect(lines(version)).toContain('http2 on;');
  });

  test('docker_auth is at /auth in token mode alone', () => {
    const token = gatewayConfig(settingsOf('--gateway', '--auth', 'token'), FACTS);
    expect(token).toContain('location = /auth {');
    expect(token).toContain('server 172.31.255.67:5001;');
    expect(gatewayConfig(settingsOf('--gateway'), FACTS)).not.toContain('/auth');
  });

  test('without readers nginx leaves it to the registry who may push', () => {
    expect(gatewayConfig(settingsOf('--gateway'), FACTS)).not.toContain('$denied');
    expect(gatewayConfig(settingsOf('--gateway', '--reader', 'bob'), FACTS)).toContain('if ($denied) {');
  });
});

describe('who may push', () => {
  const writers = (users: string[]) =>
    writersText({ users })
      .trimEnd()
      .split('\n')
      .map((line) => new RegExp(/^"~(.+)" 1;$/.exec(line)?.[1] ?? 'no pattern'));
  const may = (users: string[], name: string) => writers(users).some((pattern) => pattern.test(name));

  test.each([
    ['ann', true],
    ['Ann', false],
    ['ann2', false],
    ['xann', false],
    ['', false],
    ['a.b', true],
    ['axb', false],
    // A command of this program on the server; no user's name begins so.
    ['_registry-setup-12-345-0123abcd', true],
  ])('with ann and a.b: %s %s', (name, wanted) => {
    expect(may(['ann', 'a.b'], name)).toBe(wanted);
  });
});

describe('the page', () => {
  const page =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the variables of the page
    '<html><x name="${REGISTRY_TITLE}" d="${DELETE_IMAGES}" v="${ENABLE_VERSION_NOTIFICATION}" n="${NEW_ONE}">';

  test('has the values of the settings; what is not known is empty', () => {
    expect(filledPage(page, settingsOf('--ui', '--no-delete'))).toBe(
      '<html><x name="reg.example:5000" d="false" v="false" n="">',
    );
  });

  // A page that names another address than clients use would have them paste a line that leads nowhere.
  test.each([
    ['--ui --port 443', 'reg.example'],
    ['--ui --external-url https://hub.example:8443', 'hub.example:8443'],
  ])('%s: the address that people use', (line, address) => {
    const settings = settingsOf(...line.split(' '));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the page
    expect(filledPage('${PULL_URL} ${REGISTRY_TITLE}', settings)).toBe(`${address} ${address}`);
  });

  test('a title cannot end its attribute', () => {
    const text = filledPage(page, settingsOf('--ui', '--ui-title', '"><script>alert(1)</script>&'));
    expect(text).toContain('name="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;"');
  });
});

test('each container has an address of its own, which stays', () => {
  expect(addressOf('172.31.255.64/28', 'registry')).toBe('172.31.255.66');
  expect(placeOn(FACTS, { name: 'r', engine: 'docker' }, 'gateway')).toEqual({
    name: 'r-network',
    ip: '172.31.255.68',
  });
  // podman: a new hardware address would be unknown to the others for up to half a minute.
  expect(placeOn(FACTS, { name: 'r', engine: 'podman' }, 'auth').mac).toBe('02:42:ac:1f:ff:43');
});
