// The plan, as it is: `vitest -u` writes test/golden anew, and the difference is there to be judged.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Resource, ResourceOf } from '../../../../src/resources/resource.ts';
import type { PlanFacts } from '../../../../src/server/plan/inputs.ts';
import type { Secrets } from '../../../../src/server/plan/secrets.ts';
import { serverPlan } from '../../../../src/server/plan/server-plan.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { mergeAnswers, resolveSettings } from '../../../../src/settings/resolve.ts';

/** What certificates add is in the tests of certificates. */
const MATERIAL = {
  httpSecret: '0123456789abcdef'.repeat(4),
  logins: [
    { name: 'admin', hash: '$2b$05$admin' },
    { name: 'ci', hash: '$2b$05$ci' },
  ],
  guests: [],
  generated: new Map(),
  known: new Map(),
} as Partial<Secrets> as Secrets;
const SITE = {
  chain: 'LEAF\nROOT\n',
  key: 'KEY\n',
  roots: ['ROOT\n'],
  publicCa: false,
  fresh: true,
  warnings: [],
};
const FACTS: PlanFacts = { logDriver: 'json-file', userns: false };

function plan(line: string, secrets: Partial<Secrets> = {}, facts: Partial<PlanFacts> = {}): Resource[] {
  const said = (text: string) => readArguments(text.split(' ').filter(Boolean)).answers;
  const answers = mergeAnswers(said(line), said('--tls insecure --host reg.example'));
  const result = resolveSettings(answers, { dir: '/opt/registry' });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return serverPlan(result.settings, { ...MATERIAL, ...secrets }, { ...FACTS, ...facts });
}

/** A text as its lines, so that a difference can be read; a digest tells nothing. */
const readable = (resources: Resource[]) =>
  JSON.stringify(
    resources.map((resource) =>
      resource.kind === 'container'
        ? { ...resource, digest: '…' }
        : 'content' in resource
          ? { ...resource, mode: resource.mode.toString(8), content: resource.content.split('\n') }
          : 'mode' in resource
            ? { ...resource, mode: resource.mode.toString(8) }
            : resource,
    ),
    null,
    2,
  );
const one = <K extends Resource['kind']>(resources: Resource[], kind: K) =>
  resources.find((resource) => resource.kind === kind) as ResourceOf<K>;
const file = (resources: Resource[], path: string) =>
  resources.find((r) => r.kind === 'file' && r.path === `/opt/registry/${path}`) as
    | ResourceOf<'file'>
    | undefined;

describe('golden', () => {
  test.each<[string, string, Partial<Secrets>?, Partial<PlanFacts>?]>([
    ['insecure-htpasswd', '--user admin --user ci'],
    ['insecure-none', '--auth none', { logins: [] }],
    [
      'insecure-everything',
      '--user admin --user ci --port 30001 --bind ::1 --storage /mnt/images --no-delete --name reg2 --image mirror/registry:2 --dir /srv/reg',
      {},
      { logDriver: 'journald', userns: true, archive: '/tmp/registry.tar' },
    ],
    ['self-signed-htpasswd', '--tls self-signed --user admin --user ci --no-renew', { site: SITE }],
  ])('%s', async (name, line, secrets, facts) => {
    await expect(`${readable(plan(line, secrets, facts))}\n`).toMatchFileSnapshot(
      `../../../golden/server/${name}.json`,
    );
  });
});

describe('whatever the settings', () => {
  const lines = ['', '--auth none', '--user ci', '--no-delete --port 1', '--tls self-signed --no-renew'];

  test.each(lines)('secrets are for root alone, and masked: %s', (line) => {
    for (const resource of plan(line, { site: SITE }))
      if (resource.kind === 'file' && /^(KEY|.*(\$2b\$|0123456789abcdef))/s.test(resource.content)) {
        expect(resource.mode, resource.path).toBe(0o600);
        expect(resource.mask, resource.path).toBeDefined();
      }
  });

  test.each(lines)(
    'a container sees the directories that the plan makes, and writes to the images alone: %s',
    (line) => {
      const resources = plan(line, { site: SITE });
      const { mounts } = one(resources, 'container').service;
      const made = resources.flatMap((r) => (r.kind === 'dir' ? [r.path] : []));
      for (const { source } of mounts) expect(made).toContain(source);
      expect(mounts.filter(({ readOnly }) => !readOnly)).toEqual([
        { source: '/opt/registry/data', target: '/var/lib/registry', readOnly: false },
      ]);
    },
  );

  test.each(lines)('the configuration is YAML, and names what is mounted: %s', (line) => {
    const resources = plan(line, { site: SITE });
    const config = parse(file(resources, 'config/config.yml')?.content ?? '');
    const { mounts, command } = one(resources, 'container').service;
    const named = [
      config.auth?.htpasswd?.path,
      config.http.tls?.certificate,
      config.http.tls?.key,
      command[1],
    ];
    for (const path of named.filter(Boolean))
      expect(
        mounts.some(({ target }) => path.startsWith(`${target}/`)),
        path,
      ).toBe(true);
    expect(config.http.secret).toBe(MATERIAL.httpSecret);
  });

  test('a directory comes before what is in it', () => {
    const seen: string[] = [];
    for (const resource of plan('', { site: SITE })) {
      if (resource.kind === 'file') expect(seen).toContain(resource.path.replace(/\/[^/]+$/, ''));
      if (resource.kind === 'dir') seen.push(resource.path);
    }
    expect(seen.length).toBeGreaterThan(3);
  });
});

describe('the digest of a container', () => {
  const digest = (...args: Parameters<typeof plan>) => one(plan(...args), 'container').digest;
  const before = digest('');

  test('stays the same for equal settings, and for files that the registry rereads itself', () => {
    expect(digest('')).toBe(before);
    expect(digest('--user ci', { logins: [{ name: 'ci', hash: '$2b$05$other' }] })).toBe(before);
    expect(digest('', {}, { settingsText: '# a remark\nport: 5000\n' })).toBe(before);
  });

  test.each<[string, ...Parameters<typeof plan>]>([
    ['the port', '--port 5001'],
    ['deletion', '--no-delete'],
    ['the login', '--auth none'],
    ['the storage', '--storage /mnt/x'],
    ['the secret', '', { httpSecret: 'f'.repeat(64) }],
    ['the log', '', {}, { logDriver: 'journald' }],
    ['the realm', '--host other.example'],
  ])('changes with %s', (_, ...args) => expect(digest(...args)).not.toBe(before));

  test('changes with the certificate, which is read only once', () => {
    const tls = '--tls self-signed --no-renew';
    const renewed = { site: { ...SITE, chain: 'NEW\n' } };
    expect(digest(tls, renewed)).not.toBe(digest(tls, { site: SITE }));
  });
});

test('password hashes are kept while login is off', () => {
  expect(file(plan('--auth none --user admin'), 'auth/htpasswd')?.content).toContain('admin:$2b$05$admin');
  expect(
    one(plan('--auth none --user admin'), 'container').service.mounts.map(({ target }) => target),
  ).not.toContain('/auth');
});
