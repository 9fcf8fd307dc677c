// Which changes docker_auth is waited for: those of its configuration and of its container, whatever they are called.
import { expect, test } from 'vitest';
import { type Change, orphans } from '../../../../src/reconcile/reconcile.ts';
import type { Resource } from '../../../../src/resources/resource.ts';
import { untilAuthServes } from '../../../../src/server/checks/roles.ts';
import type { Settings } from '../../../../src/settings/settings.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

const settings = { name: 'registry', dir: '/opt/registry-auth', engine: 'docker' } as Settings;
const change = (resource: Change['resource']): Change => ({
  resource,
  title: 'something',
  drift: { what: 'change', details: [] },
});
const file = (path: string): Resource => ({ kind: 'file', path, content: '', mode: 0o600 });
const container = (name: string) =>
  ({ kind: 'container', service: { name, image: 'x:1' }, digest: '' }) as unknown as Resource;
const wait = (...resources: Change['resource'][]) =>
  untilAuthServes(fakeHost(), settings, resources.map(change), new Date(), () => {});

test.each([
  ['its configuration', file('/opt/registry-auth/auth/auth_config.yml')],
  ['its container', container('registry-auth')],
])('a change of %s: waits for docker_auth', async (_, resource) => {
  await expect(wait(resource)).rejects.toThrow('docker_auth does not answer');
});

test('a removal counts as a change of what it removes', async () => {
  const key = { kind: 'container', id: 'registry-auth' };
  const gone = orphans([], new Map([['', { key, title: '', undo: { steps: [] } }]]));
  await expect(wait(...gone)).rejects.toThrow('docker_auth does not answer');
});

test('waits for nothing if docker_auth does not change', async () => {
  await wait(file('/opt/registry-auth/certs/site.crt'), container('registry'), {
    kind: 'dir',
    path: '/opt/registry-auth',
    mode: 0o755,
  });
});
