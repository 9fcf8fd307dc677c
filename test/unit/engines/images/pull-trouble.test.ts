// Why an image did not come, as far as proxies are the reason.
import { describe, expect, test } from 'vitest';
import { pullTrouble, withoutLogin } from '../../../../src/engines/images/pull-trouble.ts';
import { registryOf } from '../../../../src/engines/images/reference.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

const TIMEOUT = 'Get "https://registry-1.docker.io/v2/": context deadline exceeded (Client.Timeout exceeded)';
const REFUSED = 'proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused';

function machine(info: object = {}) {
  const host = fakeHost();
  host.commands['docker info'] = { stdout: JSON.stringify({ ServerVersion: '26.1.5', ...info }) };
  return host;
}
const THROUGH = { HttpsProxy: 'http://xxxxx:xxxxx@proxy.corp:3128', NoProxy: 'localhost,.corp.example' };

describe('a pull that did not get through', () => {
  test.each([TIMEOUT, REFUSED])(
    'Docker has a proxy: which one, from where, how to try it (%s)',
    async (said) => {
      const host = machine(THROUGH);
      host.put('/etc/systemd/system/docker.service.d/proxy.conf', '[Service]\nEnvironment=HTTPS_PROXY=…');
      const { why, fix } = await pullTrouble(host, 'docker', 'registry:3', said, {});
      expect(why.join()).toContain(
        'the proxy http://proxy.corp:3128, set in /etc/systemd/system/docker.service.d/proxy.conf; not for localhost,.corp.example',
      );
      expect(fix).toEqual([
        'Does it let you through?   curl -sSI -x http://proxy.corp:3128 https://registry-1.docker.io/v2/',
      ]);
    },
  );

  test('this shell has a proxy and Docker has none: shows the lines that give it to Docker, without the password', async () => {
    const env = { HTTPS_PROXY: 'http://me:ge%40heim@proxy.corp:3128' };
    const { why, fix } = await pullTrouble(machine(), 'docker', 'registry:3', TIMEOUT, env);
    expect(why.join()).toContain('(HTTPS_PROXY=http://proxy.corp:3128); Docker has none');
    expect(fix.join('\n')).toContain('"$(echo "$HTTPS_PROXY" | sed \'s/%/%%/g\')"');
    expect([...why, ...fix].join()).not.toMatch(/geheim|ge%40heim/);
  });

  test('Docker leaves its proxy out for this registry', async () => {
    const ref = 'mirror.corp.example/library/registry:3';
    const env = { https_proxy: 'http://proxy.corp:3128' };
    const { why } = await pullTrouble(machine(THROUGH), 'docker', ref, TIMEOUT, env);
    expect(why.join()).toContain('does not use its proxy for mirror.corp.example');
  });

  test('podman goes through the proxy of the shell', async () => {
    const env = { https_proxy: 'http://proxy.corp:3128' };
    const { why, fix } = await pullTrouble(machine(), 'podman', 'registry:3', REFUSED, env);
    expect(why.join()).toContain('http://proxy.corp:3128 (https_proxy)');
    expect(fix.join()).toContain('-x "$https_proxy"');
  });

  test('no proxy anywhere: no proxy is mentioned', async () => {
    expect(await pullTrouble(machine(), 'docker', 'registry:3', TIMEOUT, {})).toEqual({ why: [], fix: [] });
  });
});

test('a refusal of the registry has nothing to do with proxies', async () => {
  const said = 'manifest for mirror.corp/registry:9 not found: manifest unknown';
  expect(await pullTrouble(machine(THROUGH), 'docker', 'mirror.corp/registry:9', said, {})).toEqual({
    why: [],
    fix: [],
  });
});

test.each([
  ['registry:3', 'registry-1.docker.io'],
  ['cesanta/docker_auth:1', 'registry-1.docker.io'],
  ['mirror.corp:5000/library/registry:3', 'mirror.corp:5000'],
])('%s comes from %s', (ref, registry) => expect(registryOf(ref)).toBe(registry));

test.each([
  ['http://me:geheim@proxy:3128', 'http://proxy:3128'],
  ['http://proxy:3128', 'http://proxy:3128'],
])('%s is shown as %s', (proxy, shown) => expect(withoutLogin(proxy)).toBe(shown));
