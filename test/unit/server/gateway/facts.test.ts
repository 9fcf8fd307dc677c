import { describe, expect, test } from 'vitest';
import { gatewayFacts } from '../../../../src/server/gateway/facts.ts';
import { imageFactsPath } from '../../../../src/server/gateway/gateway.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import { type FakeHost, fakeHost } from '../../../helpers/fake-host.ts';

const DIR = '/opt/registry';
const IMAGE = 'joxit/docker-registry-ui:2';
/** As nginx 1.27 says it. */
const BUILT = '--with-http_ssl_module --with-http_v2_module --with-http_auth_request_module';
const MODULES = `nginx version: nginx/1.27.4\nconfigure arguments: ${BUILT}`;
const BOUNDS = '--rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges';

function settingsOf(...words: string[]) {
  const result = resolveSettings(readArguments(words).answers, {
    dir: DIR,
    host: '10.0.3.17',
    engine: 'docker',
  });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.settings;
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the page
const PAGE = '<html>${REGISTRY_TITLE}</html>';

function withImage(host: FakeHost, { nginx = MODULES, page = PAGE } = {}) {
  host.docker.images[IMAGE] = 'sha256:1';
  host.commands[`docker run ${BOUNDS} --entrypoint nginx sha256:1 -V`] = { stderr: nginx };
  host.commands[`docker run ${BOUNDS} --entrypoint cat sha256:1 /usr/share/nginx/html/index.html`] = page
    ? { stdout: page }
    : { code: 1 };
  return host;
}
const looks = (host: FakeHost) => host.done.filter((line) => line.includes('--entrypoint')).length;

describe('the network', () => {
  const withRoutes = (...routes: string[]) => {
    const host = fakeHost();
    const lines = routes.map(
      (line) => `eth0\t${line.split(' ')[0]}\t0\t1\t0\t0\t0\t${line.split(' ')[1]}\t0\t0\t0`,
    );
    host.put('/proc/net/route', ['Iface', ...lines].join('\n'));
    return host;
  };
  const subnet = async (host: FakeHost) => (await gatewayFacts(settingsOf('--ui'), host)).subnet;

  test('is one that no route leads to', async () => {
    expect(await subnet(withRoutes())).toBe('172.31.255.0/28');
    // 172.31.255.0/28, and 172.31.255.64/26.
    expect(await subnet(withRoutes('00FF1FAC F0FFFFFF', '40FF1FAC C0FFFFFF'))).toBe('172.31.255.128/28');
  });

  test('a machine whose routes cover all of them: said, with what is covered', async () => {
    // 172.16.0.0/12
    await expect(subnet(withRoutes('000010AC 0000F0FF'))).rejects.toThrow('There is no free network');
  });

  test('that is there stays, and is not looked for again', async () => {
    const host = withRoutes('000010AC 0000F0FF');
    host.docker.networks['registry-network'] = {
      subnet: '10.9.0.0/28',
      labels: { 'registry-setup.dir': DIR },
    };
    expect(await subnet(host)).toBe('10.9.0.0/28');
  });
});

describe('the image', () => {
  const facts = (host: FakeHost, ...words: string[]) => gatewayFacts(settingsOf('--ui', ...words), host);

  test('its page and the version of its nginx are read once', async () => {
    const host = withImage(fakeHost());
    const first = await facts(host);
    expect(first.image).toMatchObject({ page: PAGE, nginx: '1.27.4' });
    host.put(imageFactsPath(DIR), JSON.stringify(first.image));
    const before = looks(host);
    expect((await facts(host)).image).toEqual(first.image);
    expect(looks(host)).toBe(before);
    // Another image of the same name is looked into.
    host.docker.images[IMAGE] = 'sha256:2';
    await expect(facts(host)).rejects.toThrow(`${IMAGE} has no nginx`);
  });

  test.each([
    ['no nginx', { nginx: 'exec: "nginx": executable file not found' }, 'has no nginx: "nginx -V" was tried'],
    [
      'an nginx that cannot ask the registry',
      { nginx: MODULES.replace(/ --with-http_auth\S+/, '') },
      'http_auth_request_module',
    ],
    ['no page', { page: '' }, 'has no web page: /usr/share/nginx/html/index.html was looked for'],
    ['a page that is none', { page: 'ELF' }, 'has no web page'],
  ])('%s: exit 2, and what was looked for', async (_, parts, words) => {
    await expect(facts(withImage(fakeHost(), parts))).rejects.toMatchObject({
      message: expect.stringContaining(words),
      exitCode: 2,
    });
  });

  test('while it is not here, nothing is known of it', async () => {
    expect(await facts(fakeHost())).toMatchObject({ image: undefined });
  });
});

test('the user is one that no file of users or groups has', async () => {
  const host = fakeHost();
  host.put('/etc/passwd', 'root:x:0:0::/:/bin/sh\na:x:899:5::/:/bin/sh\n');
  host.put('/etc/group', 'root:x:0:\nb:x:898:\n');
  expect((await gatewayFacts(settingsOf('--ui'), host)).user).toEqual({ uid: 897, gid: 897 });
});
