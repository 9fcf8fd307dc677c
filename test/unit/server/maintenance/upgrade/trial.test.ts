// The trial of a plan: it sees the images and cannot change them, and it touches no name, port or file of what runs.
import { expect, test } from 'vitest';
import type { Resource } from '../../../../../src/resources/resource.ts';
import { trialOf } from '../../../../../src/server/maintenance/upgrade/trial.ts';
import type { Settings } from '../../../../../src/settings/settings.ts';

const dir = '/opt/registry';
const settings = { dir, storage: '/srv/images', name: 'registry', auth: 'token' } as Settings;
const file = (path: string, content: string): Resource => ({ kind: 'file', path, content, mode: 0o600 });
const container = (name: string, mounts: [string, string][]): Resource => ({
  kind: 'container',
  digest: 'd',
  service: {
    ...{ name, image: `${name}:now`, command: ['serve'], owner: dir, options: ['--userns', 'host'], env: {} },
    publish: [{ bind: '0.0.0.0', port: 443, to: 5000 }],
    mounts: mounts.map(([source, target]) => ({
      source,
      target,
      readOnly: source !== '/srv/images',
      label: 'Z' as const,
    })),
  },
});
const plan: Resource[] = [
  file(`${dir}/config/config.yml`, 'read-only'),
  file(`${dir}/certs/site.crt`, 'served'),
  file(`${dir}/settings.yml`, 'settings'),
  container('registry', [
    [`${dir}/config`, '/etc/registry'],
    [`${dir}/certs`, '/certs'],
    ['/srv/images', '/var/lib/registry'],
  ]),
  file(`${dir}/auth/auth_config.yml`, 'users'),
  container('registry-auth', [[`${dir}/auth`, '/config']]),
];
const parts = {
  images: { registry: 'sha256:new', auth: 'sha256:old' },
  ports: { registry: 21_000, auth: 21_001 },
  random: '0123abcd',
};
const folder = `${dir}/.state/trial-0123abcd`;

test('with tokens', () => {
  const trial = trialOf(plan, settings, parts);
  expect(trial.files).toEqual([
    { path: `${folder}/config/config.yml`, content: 'read-only', mode: 0o600 },
    { path: `${folder}/auth/auth_config.yml`, content: 'users', mode: 0o600 },
  ]);
  const [registry, auth] = trial.services.map(({ service }) => service);
  expect(registry).toMatchObject({
    name: 'registry-upgrade-0123abcd',
    image: 'sha256:new',
    publish: [{ bind: '127.0.0.1', port: 21_000, to: 5000 }],
    mounts: [
      { source: `${folder}/config`, target: '/etc/registry', readOnly: true },
      { source: `${dir}/certs`, target: '/certs', readOnly: true },
      { source: '/srv/images', target: '/var/lib/registry', readOnly: true },
    ],
    trial: true,
    owner: dir,
  });
  expect(auth).toMatchObject({
    name: 'registry-auth-upgrade-0123abcd',
    image: 'sha256:old',
    publish: [{ bind: '127.0.0.1', port: 21_001, to: 5001 }],
    mounts: [{ source: `${folder}/auth`, target: '/config', readOnly: true }],
  });
  // A label would take the files away from the container that runs.
  expect(JSON.stringify(trial)).not.toContain('"label"');
});

test('with htpasswd the users are those of the file that is in force', () => {
  const htpasswd: Resource[] = [
    file(`${dir}/config/config.yml`, 'read-only'),
    file(`${dir}/auth/htpasswd`, 'admin:…'),
    container('registry', [
      [`${dir}/config`, '/etc/registry'],
      [`${dir}/auth`, '/auth'],
      ['/srv/images', '/var/lib/registry'],
    ]),
  ];
  const trial = trialOf(htpasswd, { ...settings, auth: 'htpasswd' }, parts);
  expect(trial.files.map(({ path }) => path)).toEqual([`${folder}/config/config.yml`]);
  expect(trial.services.map(({ role }) => role)).toEqual(['registry']);
  expect(trial.services[0]?.service.mounts[1]?.source).toBe(`${dir}/auth`);
});
