// Whole commands on a fake host: set-up, re-run, change, drift, removal. The proof over HTTP is left out: checks.test.ts has it.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { InputError, Interrupted } from '../../src/errors.ts';
import { Secret } from '../../src/secret.ts';
import { nameRegistries } from '../../src/server/elsewhere.ts';
import { mustBeAlone } from '../../src/server/maintenance/neighbours.ts';
import { strayVariables } from '../../src/settings/variables.ts';
import { runCommand } from '../helpers/context.ts';
import { imageIdOf } from '../helpers/fake-docker.ts';
import type { FakeHost } from '../helpers/fake-host.ts';
import { machine } from '../helpers/plans.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

/** What the registry answers to somebody without a login. */
const registry = { status: 401 };

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: registry.status, headers: {}, body: Buffer.alloc(0) }),
}));

const DIR = '/opt/registry';
const SETUP = '--yes --tls insecure';
const SECOND = `${SETUP} --dir /opt/second --name registry2 --port 5002`;

/** Each: first settings, then others. */
const combinations = [
  ['--auth none', '--user admin --user ci'],
  ['', '--port 30001 --bind 127.0.0.1'],
  ['--user a --user b', '--auth none'],
  ['--dir /srv/deep/er/reg --storage /mnt/images', '--no-delete'],
  ['--storage /mnt/deep/er/images --name reg2', '--name reg3'],
  ['--image mirror/registry:2', '--image registry:3'],
] as const;
const dirOf = (line: string) => /--dir (\S+)/.exec(line)?.[0] ?? '';
const both = (first: string, then: string) => `${first.replace(/--(auth|name|image) \S+/g, '')} ${then}`;

function server() {
  const host = machine();
  host.put('/mnt/.keep', '');
  host.docker.images['mirror/registry:2'] = imageIdOf('mirror/registry:2');
  return host;
}
beforeEach(() => {
  registry.status = 401;
});

const list = (value: unknown) => value as { title: string; what: string }[];
const changed = ({ documents }: { documents: Record<string, unknown>[] }) =>
  list(documents[0]?.changed).map(({ title, what }) => `${what} ${title}`);

describe.each(combinations)('%s, then %s', (first, then) => {
  const [setup, change] = [`${SETUP} ${first}`, `${SETUP} ${both(first, then)}`];

  test('a second setup finds nothing to do, and so does a second change', async () => {
    const host = server();
    for (const line of [setup, change]) {
      expect(changed(await runCommand(host, line)).length).toBeGreaterThan(0);
      const done = host.snapshot();
      host.done.length = 0;
      const again = await runCommand(host, line);
      expect(changed(again)).toEqual([]);
      expect(again.heard.join()).toContain('Nothing to do');
      expect(host.snapshot()).toEqual(done);
      expect(host.done.filter((operation) => operation.startsWith('docker'))).toEqual([]);
    }
  });

  test('answers are remembered: a run without flags finds nothing to do', async () => {
    const host = server();
    await runCommand(host, setup);
    const done = host.snapshot();
    expect(changed(await runCommand(host, `--yes ${dirOf(first)}`))).toEqual([]);
    expect(host.snapshot()).toEqual(done);
  });

  test('--dry-run lists the same changes, and makes none', async () => {
    const host = server();
    // What the lock needs is there before the changes begin.
    const titles = (changes: unknown) =>
      list(changes).flatMap(({ title }) => (title === '/srv/deep/er/reg' || title === DIR ? [] : title));
    for (const line of [setup, change]) {
      const before = host.snapshot();
      const { documents } = await runCommand(host, `${line} --dry-run`);
      expect(host.snapshot()).toEqual(before);
      const done = await runCommand(host, line);
      expect(titles(documents[0]?.changes)).toEqual(titles(done.documents[0]?.changed));
    }
  });

  test('uninstall leaves the machine as it was', async () => {
    const host = server();
    const before = host.snapshot();
    await runCommand(host, setup);
    await runCommand(host, change);
    await runCommand(host, `uninstall --yes ${dirOf(first)}`);
    expect(host.snapshot()).toEqual(before);
    expect((await runCommand(host, `uninstall --yes ${dirOf(first)}`)).heard.join()).toContain(
      'Nothing to do',
    );
  });

  test('no secret is printed, written or passed to a command', async () => {
    const host = server();
    const said: string[] = [];
    host.before = (operation) => said.push(operation, host.text('/opt/registry/.state/journal') ?? '');
    for (const line of [setup, change, `status ${dirOf(first)}`, `${change} --dry-run`]) {
      const { heard, documents } = await runCommand(host, line);
      said.push(...heard, JSON.stringify(documents));
    }
    const dir = /--dir (\S+)/.exec(first)?.[1] ?? DIR;
    const config = host.text(`${dir}/config/config.yml`) ?? '';
    const hashes = (host.text(`${dir}/auth/htpasswd`) ?? '').match(/\$2[aby]\$.*/g) ?? [];
    const made = (host.text(`${dir}/generated-passwords`) ?? '').match(/(?<=:).+/g) ?? [];
    const secret = /secret: (\S+)/.exec(config)?.[1] ?? '';
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    for (const hidden of [secret, ...hashes, ...made]) expect(said.join('\n')).not.toContain(hidden);
    for (const path of [`${dir}/config/config.yml`, `${dir}/auth/htpasswd`, `${dir}/generated-passwords`])
      expect([0o600, undefined]).toContain(host.mode(path));
  });
});

describe('a setup', () => {
  test('without a terminal, a generated password is in a file for root, and works', async () => {
    const host = server();
    const { documents } = await runCommand(host, `${SETUP} --user admin --user ci`);
    const file = `${DIR}/generated-passwords`;
    expect(documents[0]?.passwordFile).toBe(file);
    const { passwordFits, readHtpasswd } = await import('../../src/server/auth/htpasswd.ts');
    const made = new Map(
      (host.text(file) ?? '')
        .trim()
        .split('\n')
        .map((line) => line.split(':') as [string, string]),
    );
    const logins = readHtpasswd(host.text(`${DIR}/auth/htpasswd`) ?? '');
    expect(logins.map(({ name }) => name)).toEqual(['admin', 'ci']);
    for (const { name, hash } of logins)
      expect(await passwordFits(new Secret(made.get(name) ?? ''), hash), name).toBe(true);
  });

  test('an outdated line of that file is removed, and the file with its last line', async () => {
    const host = server();
    const names = () => host.text(`${DIR}/generated-passwords`)?.match(/^[^:]+/gm);
    await runCommand(host, `${SETUP} --user admin --user ci --user dev`);
    await runCommand(host, '--yes --auth none');
    expect(names()).toEqual(['admin', 'ci', 'dev']);
    await runCommand(host, '--yes --auth htpasswd --user admin --user ci --user dev');
    await runCommand(host, 'user remove dev --yes');
    expect(names()).toEqual(['admin', 'ci']);
    const env = { REGISTRY_SETUP_PASSWORD: 'geheim' };
    await runCommand(host, 'user password ci --yes', { env });
    expect(names()).toEqual(['admin']);
    await runCommand(host, 'user password admin --yes', { env });
    expect(names()).toBeUndefined();
  });

  test('a password that was given is taken, and a second time changes nothing', async () => {
    const host = server();
    const env = { REGISTRY_SETUP_PASSWORD: 'geheim' };
    const { documents } = await runCommand(host, SETUP, { env });
    expect(documents[0]?.passwordFile).toBeUndefined();
    expect(host.text(`${DIR}/auth/htpasswd`)).toMatch(/^admin:\$2[aby]\$10\$/);
    expect(changed(await runCommand(host, SETUP, { env }))).toEqual([]);
    expect(changed(await runCommand(host, SETUP, { env: { REGISTRY_SETUP_PASSWORD: 'anders' } }))).toEqual([
      `change ${DIR}/auth/htpasswd`,
    ]);
  });

  test('a new user restarts nothing, and the others keep their password', async () => {
    const host = server();
    await runCommand(host, SETUP);
    const [admin] = (host.text(`${DIR}/auth/htpasswd`) ?? '').split('\n');
    const container = structuredClone(host.docker.containers);
    expect(changed(await runCommand(host, `${SETUP} --user admin --user ci`))).toEqual([
      `change ${DIR}/auth/htpasswd`,
      `change ${DIR}/settings.yml`,
    ]);
    expect(host.docker.containers).toEqual(container);
    expect(host.text(`${DIR}/auth/htpasswd`)?.split('\n')[0]).toBe(admin);
  });

  test('another port replaces the container, and keeps images and secret', async () => {
    const host = server();
    await runCommand(host, SETUP);
    host.put(`${DIR}/data/docker/registry/v2/blob`, 'precious');
    const config = host.text(`${DIR}/config/config.yml`);
    expect(changed(await runCommand(host, `${SETUP} --port 30001`))).toEqual([
      `change ${DIR}/settings.yml`,
      'change container registry',
    ]);
    expect(host.docker.container('registry')?.ports).toEqual([30001]);
    expect(host.text(`${DIR}/data/docker/registry/v2/blob`)).toBe('precious');
    expect(host.text(`${DIR}/config/config.yml`)).toBe(config);
  });

  test('settings.yml edited by hand, and --yes: the machine follows, and the edit stays', async () => {
    const host = server();
    await runCommand(host, SETUP);
    const file = `${DIR}/settings.yml`;
    const edited = (host.text(file) ?? '').replace('port: 5000', 'port:   30001   # for the firewall');
    host.put(file, edited);
    expect(changed(await runCommand(host, '--yes'))).toEqual(['change container registry']);
    expect(host.text(file)).toBe(edited);
  });

  test.each<[string, string, (host: FakeHost) => void, string]>([
    [
      'a port that is taken',
      '',
      (host) => void host.docker.foreign('old', 'old:1', [5000]),
      'Port 5000 is taken by the container "old"',
    ],
    [
      'a name that is taken',
      '',
      (host) => void host.docker.foreign('registry'),
      'was not made by registry-setup',
    ],
    [
      'a file where images should be',
      '--storage /srv/x',
      (host) => host.put('/srv/x', ''),
      '/srv/x is a file',
    ],
    ['an image that is nowhere', '--image nowhere:1', () => {}, 'could not be pulled'],
    [
      'a broken settings.yml',
      '',
      (host) => host.put(`${DIR}/settings.yml`, 'host: [a'),
      'settings.yml, line 1, column 9',
    ],
    [
      'a wrong settings.yml',
      '',
      (host) => host.put(`${DIR}/settings.yml`, 'prot: 1'),
      'settings.yml: prot: there is no such setting',
    ],
    ['answers that are not there', '--answers /no/file', () => {}, 'there is no file /no/file'],
    [
      'bad answers',
      '--answers /a.yml',
      (host) => host.put('/a.yml', 'port: 1\nhost: a: b'),
      '/a.yml, line 2, column 7',
    ],
  ])('%s: said, and nothing is left behind', async (_, flags, prepare, wanted) => {
    const host = server();
    prepare(host);
    const before = host.snapshot();
    await expect(runCommand(host, `${SETUP} ${flags}`)).rejects.toThrow(wanted);
    expect(host.snapshot()).toEqual(before);
  });

  test('without a terminal, and without --yes: every missing flag at once', async () => {
    const host = server();
    const before = host.snapshot();
    const refused = runCommand(host, '--port 1');
    await expect(refused).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^Missing: --host, .*--auth, .*--tls/),
    });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('--port') });
    expect(host.snapshot()).toEqual(before);
  });

  test('a killed run is reported and put back first', async () => {
    const host = server();
    host.dieBefore(14);
    await expect(runCommand(host, SETUP)).rejects.toThrow();
    host.boot();
    const { heard } = await runCommand(host, SETUP);
    expect(heard.join('\n')).toContain(`The run "registry-setup ${SETUP}" of 20`);
    expect(changed(await runCommand(host, SETUP))).toEqual([]);
    await runCommand(host, 'uninstall --yes');
    expect(await host.stat(DIR)).toBeUndefined();
  });
});

describe('status', () => {
  test('all as planned: 0', async () => {
    const host = server();
    await runCommand(host, SETUP);
    const before = host.snapshot();
    const { code, documents } = await runCommand(host, 'status');
    expect([code, documents[0]]).toMatchObject([0, { ok: true, answers: true, drift: [], unfinished: null }]);
    expect(documents[0]).toMatchObject({ clients: { pulls: 0, pushes: 0 }, space: { fullInDays: null } });
    // It keeps what it counted, and changes nothing else.
    expect(host.text(`${DIR}/.state/maintenance.json`)).toContain('"disk":[{');
    expect(host.snapshot()).toEqual(before);
  });

  test.each<[string, (host: FakeHost) => unknown, string]>([
    [
      'a file that was edited',
      (host) => host.put(`${DIR}/config/config.yml`, 'version: 0.1\n', 0o600),
      `change ${DIR}/config/config.yml`,
    ],
    [
      'a key that everybody can read',
      (host) => host.chmod(`${DIR}/auth/htpasswd`, 0o644),
      `change ${DIR}/auth/htpasswd`,
    ],
    [
      'a container that was stopped',
      (host) => host.run('docker', ['stop', 'registry']),
      'start container registry',
    ],
    [
      'a container that is gone',
      (host) => host.run('docker', ['rm', '-fv', 'registry']),
      'create container registry',
    ],
  ])('%s: 1, and --yes puts it right', async (_, breakIt, wanted) => {
    const host = server();
    await runCommand(host, SETUP);
    await breakIt(host);
    const { code, documents, heard } = await runCommand(host, 'status');
    const drift = list(documents[0]?.drift).map((d) => `${d.what} ${d.title}`);
    expect([code, drift[0]]).toEqual([1, wanted]);
    expect(heard.join('\n')).toContain('registry-setup --yes puts it right');
    await runCommand(host, '--yes');
    expect((await runCommand(host, 'status')).code).toBe(0);
  });

  test('a container that has taken its port is named, with what stops it for good, even if it answers as well', async () => {
    const host = server();
    await runCommand(host, SETUP);
    await host.run('docker', ['stop', 'registry']);
    host.docker.foreign('old', 'registry:2', [5000]);
    const { code, heard, documents } = await runCommand(host, 'status');
    expect(code).toBe(1);
    const said = heard.join('\n');
    expect(said).toContain('✖ Port 5000 is taken by the container "old" (registry:2, up 3 days).');
    expect(said).toContain('docker update --restart=no old && docker stop old');
    expect(documents[0]?.findings).toContainEqual({
      name: 'answer',
      ok: false,
      cause: expect.stringContaining('"old"'),
    });
  });

  test('a registry that does not answer: 1', async () => {
    const host = server();
    await runCommand(host, SETUP);
    registry.status = 500;
    expect(await runCommand(host, 'status')).toMatchObject({ code: 1, documents: [{ answers: false }] });
  });

  test('a registry that answers 503 is a failure: in status, and in the menu, whose check ends with 1', async () => {
    const host = server();
    await runCommand(host, SETUP);
    const check = () =>
      runCommand(host, '', { prompts: scripted(['What would you like', 'check everything']) });
    expect((await check()).code).toBe(0);
    registry.status = 503;
    const { code, heard, documents } = await check();
    expect([code, documents[0]?.answers]).toEqual([1, false]);
    expect(documents[0]?.findings).toContainEqual({
      name: 'answer',
      ok: false,
      cause: 'The registry answers with HTTP 503.',
    });
    const said = heard.join('\n');
    expect(said).toContain('http://10.0.3.17:5000 · answers with HTTP 503 · 1 user');
    expect(said).toMatch(/✖ http:\/\/10\.0\.3\.17:5000 {3}answers with HTTP 503/);
  });

  test('a run that has not ended yet is at work, and was not interrupted', async () => {
    const host = server();
    await runCommand(host, SETUP);
    host.dieBefore(6);
    await expect(runCommand(host, `${SETUP} --days 20`)).rejects.toThrow();
    host.boot();
    expect((await runCommand(host, 'status')).documents[0]).toMatchObject({ atWork: null });
    const ticks = '77';
    host.put('/proc/4242/stat', `4242 (node) S ${'0 '.repeat(18)}${ticks} 0`);
    const since = '2026-11-28T00:36:20.618Z';
    host.put(
      `${DIR}/.state/lock`,
      JSON.stringify({ pid: 4242, ticks, command: 'registry-setup upgrade', since }),
    );
    const { documents, heard } = await runCommand(host, 'status');
    expect(documents[0]).toMatchObject({
      atWork: { command: 'registry-setup upgrade', since },
      unfinished: null,
    });
    expect(heard.join('\n')).toContain('"registry-setup upgrade" is at work since');
    expect(heard.join('\n')).not.toMatch(/interrupted|puts it right/);
  });

  test('a first run that was killed is told, and undone by doctor --fix', async () => {
    const host = server();
    host.dieBefore(20);
    await expect(runCommand(host, SETUP)).rejects.toThrow();
    host.boot();
    await expect(runCommand(host, 'status')).rejects.toMatchObject({
      message: expect.stringContaining('was interrupted'),
      fix: [expect.stringContaining('registry-setup doctor --fix'), expect.anything()],
    });
    expect(await runCommand(host, 'doctor')).toMatchObject({
      code: 1,
      documents: [{ troubles: [{ code: 'unfinished-run', severity: 'broken' }] }],
    });
    await runCommand(host, 'doctor --fix --yes');
    expect(await host.stat(DIR)).toBeUndefined();
  });

  test('no registry here: says where to look, and names the ones that are elsewhere', async () => {
    const host = server();
    const none = { message: 'There is no registry in /opt/registry.' };
    await expect(runCommand(host, 'status')).rejects.toMatchObject({
      ...none,
      fix: [expect.anything(), 'It is elsewhere:      registry-setup … --dir DIR'],
    });
    await runCommand(host, SECOND);
    await expect(runCommand(host, 'status')).rejects.toMatchObject({
      ...none,
      fix: [expect.anything(), 'The registry in /opt/second:   registry-setup status --dir /opt/second'],
    });
  });
});

describe('uninstall', () => {
  const image = `${DIR}/data/docker/registry/v2/blob`;

  test('keeps the images, and says where', async () => {
    const host = server();
    await runCommand(host, SETUP);
    host.put(image, 'precious');
    const { heard, documents } = await runCommand(host, 'uninstall --yes');
    expect(documents[0]).toMatchObject({ ok: true, imagesKept: true });
    expect(heard.join()).toContain('/opt/registry/data');
    expect(host.text(image)).toBe('precious');
    expect(await host.list(DIR)).toEqual(['data']);
    expect(host.docker.containers).toEqual([]);
  });

  test('--purge removes the images, and nothing else', async () => {
    const host = server();
    const before = host.snapshot();
    await runCommand(host, SETUP);
    host.put(image, 'precious');
    await runCommand(host, 'uninstall --yes --purge');
    expect(host.snapshot()).toEqual(before);

    await runCommand(host, `${SETUP} --storage /srv/images`);
    host.put('/srv/images/docker/registry/v2/blob', 'precious');
    host.put('/srv/images/docker/other', 'not ours');
    await runCommand(host, 'uninstall --yes --purge');
    expect(host.text('/srv/images/docker/other')).toBe('not ours');
    expect(await host.stat('/srv/images/docker/registry')).toBeUndefined();
  });

  test('a container of the same name that somebody made since is not touched', async () => {
    const host = server();
    await runCommand(host, SETUP);
    await host.run('docker', ['rm', '-fv', 'registry']);
    const other = host.docker.foreign('registry', 'registry:2');
    await runCommand(host, 'uninstall --yes');
    expect(host.docker.containers).toEqual([other]);
    expect(other.running).toBe(true);
  });

  test('without a terminal and --yes: exit 2, and nothing is touched', async () => {
    const host = server();
    await runCommand(host, SETUP);
    const before = host.snapshot();
    await expect(runCommand(host, 'uninstall')).rejects.toMatchObject({ exitCode: 2 });
    expect(host.snapshot()).toEqual(before);
  });

  test('--yes also lists what is removed', async () => {
    const host = server();
    await runCommand(host, `${SETUP} --user ann --user ben`);
    host.put(image, 'precious');
    const { heard } = await runCommand(host, 'uninstall --yes --purge');
    expect(heard.slice(0, 3)).toEqual([
      '  Removes     http://10.0.3.17:5000 (/opt/registry)',
      '  For good    the passwords of ann, ben',
      `              all images in ${DIR}/data/docker/registry`,
    ]);
  });

  test('the name of another registry is refused, with the line that removes that one', async () => {
    const host = server();
    await runCommand(host, SETUP);
    await runCommand(host, SECOND);
    const before = host.snapshot();
    const line = 'registry-setup uninstall --dir /opt/second';
    for (const word of ['registry2', 'second', '/opt/second/', '--name registry2']) {
      const error = await runCommand(host, `uninstall ${word} --yes`).catch((caught) => caught);
      expect(error).toBeInstanceOf(InputError);
      const named = await nameRegistries(error, host);
      expect([named.exitCode, named.fix], word).toEqual([2, [`The registry in /opt/second:   ${line}`]]);
    }
    expect(host.snapshot()).toEqual(before);
    await runCommand(host, `${line.replace('registry-setup ', '')} --yes`);
    expect(host.docker.containers.map(({ name }) => name)).toEqual(['registry']);
    const { heard } = await runCommand(host, 'uninstall --yes --dir /opt/second');
    expect(heard).toEqual([
      'Nothing to do: registry-setup has done nothing in /opt/second.',
      '  The registry in /opt/registry:   registry-setup uninstall --dir /opt/registry',
    ]);
  });

  test('nothing that removes is taken from the environment', async () => {
    const host = server();
    await runCommand(host, SETUP);
    host.put(image, 'precious');
    const env = {
      REGISTRY_SETUP_PURGE: '1',
      REGISTRY_SETUP_WITH_ENGINE: 'true',
      REGISTRY_SETUP_YES: '1',
      REGISTRY_SETUP_USER: 'x',
    };
    const before = host.snapshot();
    await expect(runCommand(host, 'uninstall', { env })).rejects.toMatchObject({ exitCode: 2 });
    expect(host.snapshot()).toEqual(before);
    await runCommand(host, 'uninstall --yes', { env });
    expect(host.text(image)).toBe('precious');
    expect(strayVariables('uninstall', env, {})).toEqual([
      'REGISTRY_SETUP_PURGE is not taken from the environment: give --purge on the command line.',
      'REGISTRY_SETUP_WITH_ENGINE is not taken from the environment: give --with-engine on the command line.',
      'REGISTRY_SETUP_YES is not taken from the environment: give --yes on the command line.',
    ]);
    expect(strayVariables('rotate', { REGISTRY_SETUP_CUT_OFF: '1', REGISTRY_SETUP_CUT_OF: '1' }, {})).toEqual(
      [
        'REGISTRY_SETUP_CUT_OF is not known; did you mean REGISTRY_SETUP_CUT_OFF?',
        'REGISTRY_SETUP_CUT_OFF is not taken from the environment: give --cut-off on the command line.',
      ],
    );
  });
});

describe('user', () => {
  test('remove needs a yes: without a terminal and --yes it exits 2, and nothing is touched', async () => {
    const host = server();
    await runCommand(host, `${SETUP} --user admin --user ci`);
    const before = host.snapshot();
    await expect(runCommand(host, 'user remove ci')).rejects.toMatchObject({
      exitCode: 2,
      fix: ['Add --yes to go ahead.'],
    });
    expect((await runCommand(host, 'user remove ci --dry-run')).documents[0]).toMatchObject({ dryRun: true });
    expect(host.snapshot()).toEqual(before);
    await runCommand(host, 'user remove ci --yes');
    expect(host.text(`${DIR}/auth/htpasswd`)).toMatch(/^admin:\S+\n$/);
  });

  test('the last user stays, and the error says to add another one first', async () => {
    const host = server();
    await runCommand(host, SETUP);
    await expect(runCommand(host, 'user remove admin --yes')).rejects.toMatchObject({
      exitCode: 2,
      fix: [expect.stringContaining('registry-setup user add NAME'), expect.anything()],
    });
  });
});

test('a run that ends between its lock and its first change leaves nothing', async () => {
  const host = server();
  const before = host.snapshot();
  const { run } = host;
  host.run = async (command, args, options) => {
    if (args[0] === 'image') throw new Interrupted();
    return run(command, args, options);
  };
  await expect(runCommand(host, SETUP)).rejects.toThrow('Interrupted.');
  expect(host.snapshot()).toEqual(before);
});

describe('two registries on one storage', () => {
  const SECOND =
    '--yes --dir /srv/two --name two --port 5001 --storage /srv/images --host registry.example --auth none';
  const first = { dir: DIR, storage: '/srv/images', name: 'registry' };
  const withoutLinks = (host: FakeHost) => {
    host.commands['readlink -f'] = { code: 1 };
    host.commands['podman ps --filter volume'] = { code: 127 };
    return host;
  };

  async function both() {
    const host = server();
    await runCommand(host, `${SETUP} --storage /srv/images`);
    await runCommand(host, SECOND);
    return withoutLinks(host);
  }

  test('no collection begins while the other one takes pushes; once it is stopped, it does', async () => {
    const host = await both();
    await expect(mustBeAlone(host, first)).rejects.toMatchObject({
      message: 'The registry in /srv/two also serves /srv/images. Nothing was collected.',
      fix: ['Stop it for that time:', '  docker stop two'],
    });
    await host.run('docker', ['stop', 'two']);
    await mustBeAlone(host, first);
  });

  test('a container that somebody made by hand is named, too; one on another storage is no neighbour', async () => {
    const host = server();
    await runCommand(host, `${SETUP} --storage /srv/images`);
    await runCommand(host, SECOND.replace('/srv/images', '/srv/others'));
    withoutLinks(host);
    await mustBeAlone(host, first);
    host.commands['docker ps --filter volume=/srv/images'] = { stdout: '\thand\n/opt/registry\tregistry\n' };
    await expect(mustBeAlone(host, first)).rejects.toThrow('The container hand also serves /srv/images.');
  });
});
