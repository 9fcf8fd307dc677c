// The files of DIR/.state as other versions wrote them: before there was a format number, and in a format to come.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { madeForOthers, remembered } from '../../src/client/records.ts';
import { guard } from '../../src/commands/guard.ts';
import { VERSION } from '../../src/package.ts';
import { FORMAT, readOldest, readUnfinished } from '../../src/reconcile/journal.ts';
import { diff, wayBack } from '../../src/reconcile/reconcile.ts';
import { hostBeforeKilledRun } from '../../src/reconcile/recovered-host.ts';
import { removal } from '../../src/reconcile/removal.ts';
import { beginRun } from '../../src/reconcile/run.ts';
import { textOfKey } from '../../src/resources/key.ts';
import { keyOf } from '../../src/resources/resource.ts';
import { runCommand } from '../helpers/context.ts';
import { imageIdOf } from '../helpers/fake-docker.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { machine, smallPlan } from '../helpers/plans.ts';
import { DIR, follow } from '../helpers/run.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));

vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: 401, headers: {}, body: Buffer.alloc(0) }),
}));

const FIXTURES = new URL('../fixtures/state', import.meta.url).pathname;
const state = (name: string) => `${DIR}/.state/${name}`;

/** Files that the last version without a format number wrote. */
function putFormer(host: FakeHost, name: string) {
  for (const path of readdirSync(join(FIXTURES, name), { recursive: true, withFileTypes: true }))
    if (path.isFile()) {
      const file = join(path.parentPath, path.name);
      host.put(state(file.slice(join(FIXTURES, name).length + 1)), readFileSync(file, 'utf8'), 0o600);
    }
}

/** Every kind of resource, the last one first. */
const TITLES = [
  '/opt/registry/generated-passwords',
  'login docker:registry.lan:5000',
  'registry-setup-registry.lan-5000',
  'docker:insecure-registries',
  '/etc/docker/daemon.json:insecure-registries:registry.lan:5000',
  'line for registry.lan in the hosts file',
  'rule for port 5000 in ufw',
  'timer registry-renew',
  'background process registry',
  'service registry',
  'podman container registry',
  'container registry',
  'copy of this program in /opt/registry/program/0.1.0-abc',
  '/opt/registry/bin/node',
  'program /opt/registry/bin/registry',
  'ownership of /srv',
  '/opt/registry/config/config.yml',
  '/opt/registry/config',
  'user registry-setup',
  'podman image docker.io/library/registry:3',
  'image registry:3',
  'Docker',
  'package docker.io',
  '/opt/registry',
];

describe('what was written before there was a format', () => {
  test('is read: every kind, by its key', async () => {
    const host = fakeHost();
    putFormer(host, 'every-kind');
    const oldest = await readOldest(host, DIR);
    expect(wayBack(oldest).map(removal.title)).toEqual(TITLES);
    const keys = [...oldest.values()].map(({ key }) => key);
    expect(keys.filter(({ kept }) => kept).map(({ kind, id }) => [kind, id])).toEqual([
      ['package', 'docker.io'],
      ['engine', ''],
      ['file', '/opt/registry/generated-passwords'],
    ]);
    expect(keys.filter(({ engine }) => engine).map(({ kind, engine }) => [kind, engine])).toEqual([
      ['image', 'podman'],
      ['container', 'podman'],
    ]);
    const left = await readUnfinished(host, DIR);
    expect(left).toMatchObject({ command: 'registry-setup in a test', committed: false });
    expect(left?.entries.map(({ key }) => textOfKey(key))).toEqual([...oldest.keys()]);
  });

  test('is recognized: a plan that still names it removes nothing', async () => {
    const host = fakeHost();
    putFormer(host, 'killed');
    const oldest = await readOldest(host, DIR);
    const wanted = smallPlan().map((resource) => textOfKey(keyOf(resource)));
    expect([...oldest.keys()].filter((key) => !wanted.includes(key))).toEqual([]);
  });

  const second = smallPlan({ digest: 'd2', port: 5050, config: 'two', users: 'admin:hash' });

  /** A machine on which a change was cut off at a step, with the state as the former version left it. */
  async function cutOff(name: string, step: string) {
    const undisturbed = machine();
    await follow(undisturbed, smallPlan());
    const from = undisturbed.done.length;
    await follow(undisturbed, second);
    const at = undisturbed.done.slice(from).findLastIndex((operation) => operation.startsWith(step)) + 1;
    expect(at).toBeGreaterThan(1);
    const host = machine();
    await follow(host, smallPlan());
    const before = host.docker.containers.map(({ id, name }) => [id, name]);
    host.dieBefore(at);
    await expect(follow(host, second)).rejects.toThrow('power');
    host.boot();
    await host.removeTree(state(''));
    await host.removeTree(`${DIR}/.state`);
    putFormer(host, name);
    return { host, before };
  }

  test('an interrupted run is put back', async () => {
    const { host, before } = await cutOff('killed', 'docker start registry');
    const seen = await hostBeforeKilledRun(host, DIR);
    expect((await seen.read(`${DIR}/config/config.yml`))?.toString()).toBe('one');
    await follow(host, undefined);
    expect(await diff(smallPlan(), host)).toEqual([]);
    expect(host.docker.containers.map(({ id, name }) => [id, name])).toEqual(before);
    expect(await host.list(`${DIR}/.state`)).toEqual(['oldest.json']);
  });

  test('a run that was over is tidied up, and everything can be removed', async () => {
    const nothing = machine().snapshot();
    const { host } = await cutOff('over', `remove ${state('copies')}`);
    await follow(host, undefined);
    expect(await diff(second, host)).toEqual([]);
    expect(host.docker.containers).toHaveLength(1);
    await follow(host, []);
    expect(host.snapshot()).toEqual(nothing);
  });

  test('a change rewrites it with its format', async () => {
    const host = machine();
    await follow(host, smallPlan());
    putFormer(host, 'over');
    await host.remove(state('journal'));
    const former = await readOldest(host, DIR);
    await follow(host, smallPlan({ digest: 'd2' }));
    expect(JSON.parse(host.text(state('oldest.json')) ?? '')).toMatchObject({ format: FORMAT });
    expect([...(await readOldest(host, DIR)).keys()]).toEqual([...former.keys()]);
  });
});

describe('a newer version that has changed nothing of the format', () => {
  const by = (version: string) => JSON.stringify({ format: FORMAT, by: version, oldest: [] });
  /** The directory as that version left it; `before` is settings.yml. */
  function worked(version: string): FakeHost {
    const host = machine();
    host.put(state('oldest.json'), by(version), 0o600);
    return host;
  }
  const context = (host: FakeHost) => ({ host, answers: {}, line: 'registry-setup --yes' });

  test.each(['7.1.0', '0.10.0', '0.1.10-rc.1'])('%s: no command of this one goes on', async (version) => {
    const host = worked(version);
    const before = host.snapshot();
    await expect(guard(context(host))).rejects.toMatchObject({
      message: `${state('oldest.json')} was written by a newer registry-setup (${version}).`,
      exitCode: 2,
    });
    await expect(beginRun(host, DIR, 'registry-setup')).rejects.toThrow('newer');
    expect(host.snapshot()).toEqual(before);
  });

  test.each([VERSION, `${VERSION}-rc.1`, '0.0.99'])('%s is none', async (version) => {
    await guard(context(worked(version)));
    await (await beginRun(worked(version), DIR, 'registry-setup')).release();
  });

  test('what is damaged is no newer version: the command that needs it says so', async () => {
    const host = worked('7.1.0');
    host.put(state('oldest.json'), '{"format":1,"by":"7.1', 0o600);
    await guard(context(host));
  });

  test('settings that only a newer one knows are not read before', async () => {
    const host = worked('7.1.0');
    host.put(`${DIR}/settings.yml`, 'novelty: yes\n');
    await expect(guard(context(host))).rejects.toThrow('newer registry-setup (7.1.0)');
  });
});

describe('status after a newer version came', () => {
  const config = `${DIR}/config/config.yml`;
  /** A registry that an older version set up: with another file than this one writes. */
  async function older(version = '0.0.9') {
    const host = machine();
    await runCommand(host, '--yes --tls insecure');
    const text = host.text(state('oldest.json')) ?? '';
    host.put(state('oldest.json'), JSON.stringify({ ...JSON.parse(text), by: version }), 0o600);
    host.put(config, `# as it was\n${host.text(config)}`, 0o600);
    return host;
  }

  test('what it writes otherwise is no alarm', async () => {
    const { code, heard, documents } = await runCommand(await older(), 'status');
    expect([code, documents[0]]).toMatchObject([0, { ok: true, outdated: true }]);
    const said = heard.join('\n');
    expect(said).toContain('An older version set this up; registry-setup --yes brings it up to date:');
    expect(said).not.toContain('✖');
  });

  test('the same difference in what this version set up is one', async () => {
    const { code, heard } = await runCommand(await older(VERSION), 'status');
    expect(code).toBe(1);
    expect(heard.join('\n')).toContain('✖ Differs from the plan');
  });

  test.each([
    ['stop', 'registry'],
    ['rm', '-fv', 'registry'],
  ])('nor is a container that does not run: docker %s', async (...words) => {
    const host = await older();
    await host.run('docker', words);
    const { code, heard } = await runCommand(host, 'status');
    expect(code).toBe(1);
    expect(heard.join('\n')).toContain('✖ Differs from the plan');
  });

  test('it says nothing of tokens where docker_auth has no probe account yet, and does where it has', async () => {
    const host = machine();
    host.docker.images['cesanta/docker_auth:1'] = imageIdOf('cesanta/docker_auth:1');
    await runCommand(host, '--yes --tls insecure --auth token');
    const tokens = async () => {
      const { documents } = await runCommand(host, 'status');
      const { findings } = documents[0] as { findings: { name: string; ok: boolean }[] };
      return findings.find(({ name }) => name === 'tokens')?.ok;
    };
    expect(await tokens()).toBe(false);
    const auth = `${DIR}/auth/auth_config.yml`;
    host.put(auth, (host.text(auth) ?? '').replaceAll('_proof', '_other'), 0o600);
    expect(await tokens()).toBe(true);
  });
});

describe('the registry of a user without root', () => {
  const ANN = { uid: 1000, gid: 1000 };
  async function ofAnn() {
    const host = machine();
    host.put('/etc/passwd', 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n');
    host.put('/home/ann/registry/settings.yml', 'host: a\n');
    await host.mkdir('/home/ann/registry/.state', 0o700);
    await host.chmod('/home/ann/registry/.state', 0o700, ANN);
    return host;
  }
  const answers = { dir: { value: '/home/ann/registry', where: '--dir' } };
  const context = (host: FakeHost) => ({
    host,
    answers,
    line: 'registry-setup rotate --dir /home/ann/registry',
  });

  test("is told to root as that user's, and nothing is done", async () => {
    const host = await ofAnn();
    const before = host.snapshot();
    await expect(guard(context(host))).rejects.toMatchObject({
      message: 'The registry in /home/ann/registry is that of ann, who runs it without root.',
      fix: [expect.anything(), "  su - ann -c 'registry-setup rotate --dir /home/ann/registry'"],
      exitCode: 2,
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('is for that user', async () => {
    const host = await ofAnn();
    host.machine = { ...host.machine, uid: 1000 };
    await guard(context(host));
  });

  test("a directory that was only given away is still root's: root's engine has its container", async () => {
    const host = machine();
    await runCommand(host, '--yes --tls insecure --dir /home/ann/registry');
    await host.chmod('/home/ann/registry/.state', 0o700, ANN);
    await guard(context(host));
  });
});

describe('what a newer version wrote', () => {
  const newer = { format: FORMAT + 1, by: '7.1.0' };
  const files = {
    'oldest.json': JSON.stringify({ ...newer, what: 'nobody knows' }),
    journal: `${JSON.stringify({ ...newer, pid: 4, command: 'registry-setup' })}\n{"x":1}\n`,
  };

  describe.each(Object.entries(files))('%s', (name, text) => {
    const refusal = (path: string) => ({
      message: `${path} was written by a newer registry-setup (7.1.0).`,
      fix: ['Use registry-setup 7.1.0 or newer.'],
      exitCode: 2,
    });

    test.each([
      '--yes --port 5050',
      '--yes --port 5050 --dry-run',
      'status',
      'uninstall --yes',
      'user add ci --yes',
    ])('registry-setup %s refuses it, and touches nothing', async (line) => {
      const host = machine();
      await runCommand(host, '--yes --tls insecure');
      host.put(state(name), text, 0o600);
      host.put(state('.journal.0123abcd.tmp'), 'x', 0o600);
      const before = host.snapshot();
      await expect(runCommand(host, line)).rejects.toMatchObject(refusal(state(name)));
      expect(host.snapshot()).toEqual(before);
    });

    test('a run refuses it before it takes the lock', async () => {
      const host = machine();
      host.put(state(name), text, 0o600);
      host.done.length = 0;
      await expect(beginRun(host, DIR, 'registry-setup')).rejects.toMatchObject(refusal(state(name)));
      expect(host.done).toEqual([]);
    });

    test('a client refuses it', async () => {
      const host = machine();
      const path = `/var/lib/registry-setup/client/a.lan_5000/.state/${name}`;
      host.put(path, text, 0o600);
      await expect(remembered(host, '/var/lib/registry-setup/client')).rejects.toMatchObject(refusal(path));
      if (name === 'journal') return;
      const others = madeForOthers(host, '/var/lib/registry-setup/client', '');
      await expect(others).rejects.toMatchObject(refusal(path));
    });
  });
});
