// An engine of another machine: what leads there, in the order in which Docker and podman look at it.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { dockerLead, hereAlone, podmanLead } from '../../../src/engines/remote.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';

const config = (host: FakeHost, content: string, folder = '/root/.docker') =>
  host.put(`${folder}/config.json`, content);
const context = (host: FakeHost, name: string, address: string, folder = '/root/.docker') => {
  const sum = createHash('sha256').update(name).digest('hex');
  const meta = { Name: name, Metadata: {}, Endpoints: { docker: { Host: address, SkipTLSVerify: false } } };
  host.put(`${folder}/contexts/meta/${sum}/meta.json`, JSON.stringify(meta));
};
const REMOTE = 'ssh://root@x3';
const ROOTLESS = 'unix:///run/user/1000/docker.sock';

test.each<[string, Record<string, string>, string | undefined]>([
  ['nothing', {}, undefined],
  ['a socket of this machine', { DOCKER_HOST: ROOTLESS }, undefined],
  ['empty', { DOCKER_HOST: '' }, undefined],
  ['another machine', { DOCKER_HOST: 'tcp://x3:2375' }, 'unset DOCKER_HOST'],
  [
    'a port of this machine, where anything may listen',
    { DOCKER_HOST: 'tcp://127.0.0.1:2375' },
    'unset DOCKER_HOST',
  ],
  ['an address without a scheme', { DOCKER_HOST: 'x3:2375' }, 'unset DOCKER_HOST'],
  ['a context', { DOCKER_CONTEXT: 'far' }, 'unset DOCKER_CONTEXT'],
  ['a context of this machine', { DOCKER_CONTEXT: 'near' }, undefined],
  ['a context that does not exist', { DOCKER_CONTEXT: 'typo' }, undefined],
  ['the default one', { DOCKER_CONTEXT: 'default' }, undefined],
  ['DOCKER_HOST counts first', { DOCKER_HOST: ROOTLESS, DOCKER_CONTEXT: 'far' }, undefined],
])('docker: %s', async (_, env, fix) => {
  const host = fakeHost();
  context(host, 'far', REMOTE);
  context(host, 'near', ROOTLESS);
  expect((await dockerLead(host, { HOME: '/root', ...env }))?.fix).toBe(fix);
});

test.each<[string, string, Record<string, string>, string | undefined]>([
  ['the one in use', '{"currentContext":"far"}', {}, 'docker context use default'],
  ['another folder', '{"currentContext":"far"}', { DOCKER_CONFIG: '/srv/docker' }, undefined],
  ['of this machine', '{"currentContext":"near"}', {}, undefined],
  ['none', '{"auths":{}}', {}, undefined],
  ['a file that is broken', '{', {}, undefined],
  ['DOCKER_CONTEXT counts first', '{"currentContext":"far"}', { DOCKER_CONTEXT: 'near' }, undefined],
])('the settings of the user: %s', async (_, text, env, fix) => {
  const host = fakeHost();
  context(host, 'far', REMOTE);
  context(host, 'near', ROOTLESS);
  config(host, text);
  expect((await dockerLead(host, { HOME: '/root', ...env }))?.fix).toBe(fix);
});

test.each<[Record<string, string>, string | undefined]>([
  [{}, undefined],
  [{ CONTAINER_HOST: 'unix:///run/podman/podman.sock' }, undefined],
  [{ CONTAINER_HOST: 'ssh://root@x3/run/podman/podman.sock' }, 'unset CONTAINER_HOST'],
  [{ CONTAINER_CONNECTION: 'far' }, 'unset CONTAINER_CONNECTION'],
])('podman: %j', (env, fix) => expect(podmanLead(env)?.fix).toBe(fix));

test('nothing is run there; the rest of the machine can be used', async () => {
  const host = fakeHost();
  host.commands['docker info'] = { stdout: 'asked' };
  host.commands['ss -Hltnp'] = { stdout: 'found' };
  const here = hereAlone(host, { DOCKER_HOST: 'tcp://x3:2375' });
  await expect(here.run('docker', ['info'])).rejects.toMatchObject({
    message: 'Docker leads to another machine: DOCKER_HOST is tcp://x3:2375.',
    exitCode: 2,
  });
  expect(await here.run('ss', ['-Hltnp'])).toMatchObject({ stdout: 'found' });
  expect(await hereAlone(host, {}).run('docker', ['info'])).toMatchObject({ stdout: 'asked' });
});
