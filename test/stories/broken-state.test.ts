// Settings and state that a person, a crash or a disk has changed, and every command on them: what it says, its exit code, what is on the
// machine afterwards.
import { describe, expect, test, vi } from 'vitest';
import { CliError } from '../../src/errors.ts';
import { FORMAT } from '../../src/reconcile/journal.ts';
import { runCommand } from '../helpers/context.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { newKey } from '../helpers/openssl.ts';
import { machine } from '../helpers/plans.ts';
import { DIR } from '../helpers/run.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: 401, headers: {}, body: Buffer.alloc(0) }),
}));
// RSA keys take their time: three of them, in turn.
vi.mock('../../src/certificates/site.ts', async (original) => ({
  ...(await original<typeof import('../../src/certificates/site.ts')>()),
  makeKeys: () => ({ ca: nextKey, site: nextKey, token: nextKey }),
}));
const KEYS = [newKey(), newKey(), newKey()];
let used = 0;
const nextKey = async () => KEYS[used++ % KEYS.length] as string;

const IMAGE = 'docker/registry/v2/repositories/keep/_manifests/link';
const at = (path: string) => `${DIR}/${path}`;
const state = (name: string) => at(`.state/${name}`);

/** A registry with settings of its own, and an image. */
async function registry(more = ''): Promise<FakeHost> {
  const host = machine();
  await runCommand(host, `--yes --port 5443 --bind 127.0.0.1 --user dev ${more}`.trim());
  host.put(at(`data/${IMAGE}`), 'sha256:1');
  return host;
}

/** Another machine with the same files, containers and images. */
async function copied(host: FakeHost): Promise<FakeHost> {
  const other = fakeHost();
  // Parents come first.
  for (const [path, text] of Object.entries(host.snapshot().files as Record<string, string>)) {
    const [type, octal = '', , ...content] = text.split(' ');
    const mode = Number.parseInt(octal, 8);
    if (type === 'file') other.put(path, content.join(' '), mode);
    else if (await other.stat(path)) await other.chmod(path, mode);
    else await other.mkdir(path, mode);
  }
  // The other engine counts its ids from the beginning.
  const containers = structuredClone(host.docker.containers);
  other.docker.containers = containers.map((one) => ({ ...one, id: one.id.replace(/^0/, 'f') }));
  Object.assign(other.docker.images, host.docker.images);
  return other;
}

/** @returns the exit code (`bug` for what is no CliError) and everything that the user reads */
async function tried(host: FakeHost, line: string): Promise<{ code: number | string; text: string }> {
  try {
    const { heard, code } = await runCommand(host, line);
    return { code: typeof code === 'number' ? code : 0, text: heard.join('\n') };
  } catch (error) {
    if (!(error instanceof CliError)) return { code: 'bug', text: String((error as Error).stack) };
    return { code: error.exitCode, text: [error.message, error.why, ...error.fix].join('\n') };
  }
}

const COMMANDS = {
  setup: '--yes',
  status: 'status',
  rotate: 'rotate --yes',
  renew: 'rotate --if-expiring 30 --yes',
  list: 'user list',
  add: 'user add ci --yes',
  uninstall: 'uninstall --yes',
  purge: 'uninstall --yes --purge',
};
type Command = keyof typeof COMMANDS;

/**
 * What is on the machine afterwards. `as it was found`: nothing was touched. `whole`: the registry with its settings, its CA, its users
 * and its images, and nothing left to do. `removed`: only the images are left. `purged`: nothing is left.
 */
type After = 'as it was found' | 'whole' | 'removed' | 'purged';
type Cell = [code: number, after: After, says?: string];
type Row = Record<Command, Cell>;

const own = (host: FakeHost) =>
  host.docker.containers.filter(({ labels }) => labels['registry-setup.dir'] === DIR);
const below = (host: FakeHost) =>
  Object.keys(host.snapshot().files as object).filter((path) => path.startsWith(`${DIR}/`));

async function mustBe(after: After, host: FakeHost, found: FakeHost, good: FakeHost, users: boolean) {
  if (after === 'as it was found') return expect(host.snapshot()).toEqual(found.snapshot());
  const image = host.text(at(`data/${IMAGE}`));
  const copies = await good.list(at('program'));
  if (after === 'removed' || after === 'purged') {
    expect(own(host)).toEqual([]);
    expect(image).toBe(after === 'removed' ? 'sha256:1' : undefined);
    return expect(below(host).filter((path) => !path.startsWith(at('data')))).toEqual([]);
  }
  expect(image).toBe('sha256:1');
  expect(own(host).map(({ name, running, ports }) => ({ name, running, ports }))).toEqual([
    { name: 'registry', running: true, ports: [5443] },
  ]);
  expect(own(host)[0]?.args).toContain('127.0.0.1:5443:5000');
  expect(own(host)[0]?.args).toContain(`${DIR}/data:/var/lib/registry`);
  // The timer calls it.
  expect(copies).toHaveLength(1);
  expect(await host.list(at('program'))).toEqual(copies);
  if (users) expect(host.text(at('generated-passwords'))).toContain(good.text(at('generated-passwords')));
  expect(host.text(at('ca/ca.crt'))).toBe(good.text(at('ca/ca.crt')));
  if (users) expect(host.text(at('auth/htpasswd'))).toContain(good.text(at('auth/htpasswd')));
  expect(await tried(host, '--yes')).toMatchObject({
    code: 0,
    text: expect.stringContaining('Nothing to do'),
  });
  expect(await tried(host, 'status')).toMatchObject({ code: 0 });
  expect(below(host).filter((path) => /\.state\/(lock|journal)/.test(path))).toEqual([]);
}

/** Every command goes on, and the next run has nothing to do. */
const HEALS: Row = {
  setup: [0, 'whole'],
  status: [0, 'as it was found'],
  rotate: [0, 'whole', 'The new certificate ends on'],
  renew: [0, 'as it was found', 'Nothing to do'],
  list: [0, 'as it was found', 'dev'],
  add: [0, 'whole', 'ci can log in now'],
  uninstall: [0, 'removed', 'The images are kept in /opt/registry/data.'],
  purge: [0, 'purged', 'Everything is as it was before.'],
};

/** The timer removes a lock of nobody, too, though it has nothing else to do. */
const HEALS_LOCK: Row = { ...HEALS, renew: [0, 'whole', 'Nothing to do'] };
/** Every command refuses, but for the removal. */
const refuses = (code: 1 | 2, says: string): Row => {
  const cell: Cell = [code, 'as it was found', says];
  return { ...HEALS, setup: cell, status: cell, rotate: cell, renew: cell, list: cell, add: cell };
};
/** Every change refuses; what only reads, or finds nothing to do, goes on. */
const bars = (code: 1 | 2, says: string, status: Cell = [1, 'as it was found', says]): Row => {
  const cell: Cell = [code, 'as it was found', says];
  return { ...HEALS, setup: cell, rotate: cell, add: cell, status };
};

const edit = (host: FakeHost, from: RegExp, to: string) =>
  host.put(at('settings.yml'), (host.text(at('settings.yml')) ?? '').replace(from, to));
const settings = (content: string | Buffer) => (host: FakeHost) => host.put(at('settings.yml'), content);
const gone = (path: string) => (host: FakeHost) => host.removeTree(at(path));
const put = (name: string, content: string) => (host: FakeHost) => host.put(state(name), content, 0o600);
const head = `${JSON.stringify({ format: FORMAT, by: '0.1.0', pid: 4, ticks: '7', command: 'registry-setup --port 1', since: 'noon' })}\n`;
const journal = (...lines: unknown[]) =>
  put(
    'journal',
    head + lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join(''),
  );

const lost = {
  gone: 'settings.yml is gone, and a registry is here: container registry',
  empty: 'settings.yml says nothing',
};
const damaged = 'is damaged: what was here before the setup is unknown.';
const DAMAGED: Row = {
  ...bars(1, damaged),
  uninstall: [1, 'as it was found', 'mv /opt/registry/.state/oldest.json'],
  purge: [1, 'as it was found', damaged],
};
const FORGOTTEN: Row = {
  ...HEALS,
  status: [1, 'as it was found', 'No record tells of container registry'],
  uninstall: [0, 'removed', 'What was recognized is removed. What was here before the setup is unknown'],
  purge: [0, 'removed', 'rm -r /opt/registry/data/docker/registry'],
};
const CUT_OFF: Row = {
  ...HEALS,
  status: [1, 'as it was found', 'was interrupted'],
  renew: [0, 'whole'],
  list: [0, 'whole', 'dev'],
};
const holder = (pid: number) =>
  JSON.stringify({ pid, ticks: '99', command: 'registry-setup', since: 'noon' });

const TABLE: [what: string, broken: (host: FakeHost) => unknown, Row][] = [
  ['settings.yml is gone', gone('settings.yml'), refuses(1, lost.gone)],
  ['settings.yml is empty', settings(''), refuses(1, lost.empty)],
  ['settings.yml holds remarks alone', settings('# nothing\n'), refuses(1, lost.empty)],
  ['settings.yml holds an empty map', settings('{}\n'), refuses(1, lost.empty)],
  ['settings.yml does not parse', settings('host: ['), refuses(2, '/opt/registry/settings.yml, line 1')],
  ['settings.yml has a key twice', settings('port: 1\nport: 2\n'), refuses(2, 'settings.yml, line 2')],
  [
    'settings.yml is binary',
    settings(Buffer.from([0, 1, 2, 255, 254, 10, 0, 123, 91])),
    refuses(2, 'settings.yml'),
  ],
  ['settings.yml is NULs', settings('\0'.repeat(512)), refuses(2, 'settings.yml')],
  [
    'settings.yml is a list',
    settings('- a\n'),
    refuses(2, 'settings.yml: must be a list of "name: value" lines'),
  ],
  ['settings.yml is one word', settings('yes please\n'), refuses(2, 'must be a list of "name: value" lines')],
  ['a setting is unknown', (host) => edit(host, /^port:/m, 'prot:'), refuses(2, 'did you mean port?')],
  [
    'storage is a list',
    (host) => edit(host, /^storage:.*/m, 'storage: [a]'),
    refuses(2, 'storage: takes one value, not ["a"]'),
  ],
  [
    'storage is a number',
    (host) => edit(host, /^storage:.*/m, 'storage: 5'),
    refuses(2, 'begins with /, not "5"'),
  ],
  [
    'storage is nothing',
    (host) => edit(host, /^storage:.*/m, 'storage:'),
    refuses(2, 'storage: takes one value, not nothing'),
  ],
  [
    'port is a word',
    (host) => edit(host, /^port:.*/m, 'port: x'),
    refuses(2, 'port: takes a whole number, not "x"'),
  ],
  [
    'user is a map',
    (host) => edit(host, /^user:\n( .*\n)+/m, 'user: {a: 1}\n'),
    refuses(2, 'user: takes a list of words'),
  ],
  [
    'storage was edited',
    (host) => edit(host, /^storage:.*/m, 'storage: /srv/img'),
    bars(2, 'The images are in /opt/registry/data, and would not be found in /srv/img.'),
  ],
  [
    'storage was edited, and the container is gone',
    (host) => {
      edit(host, /^storage:.*/m, 'storage: /srv/img');
      host.docker.containers = [];
    },
    bars(2, 'The images are in /opt/registry/data'),
  ],
  ['.state is gone', gone('.state'), FORGOTTEN],
  ['oldest.json is gone', gone('.state/oldest.json'), FORGOTTEN],
  ['oldest.json is an empty list', put('oldest.json', '[]'), FORGOTTEN],
  ['oldest.json remembers nothing', put('oldest.json', `{"format":${FORMAT},"oldest":[]}`), FORGOTTEN],
  ['oldest.json is torn', put('oldest.json', '{"format":1,"oldest":[{"key":'), DAMAGED],
  ['oldest.json is empty', put('oldest.json', ''), DAMAGED],
  ['oldest.json is NULs', put('oldest.json', '\0'.repeat(99)), DAMAGED],
  ['oldest.json is null', put('oldest.json', 'null'), DAMAGED],
  ['oldest.json is a number in it', put('oldest.json', `{"format":${FORMAT},"oldest":5}`), DAMAGED],
  [
    'an entry of oldest.json has no way back',
    put('oldest.json', `{"format":${FORMAT},"oldest":[{"key":{"kind":"file","id":"/x"}}]}`),
    DAMAGED,
  ],
  [
    'a step in oldest.json is unknown',
    put(
      'oldest.json',
      `{"format":${FORMAT},"oldest":[{"key":{"kind":"file","id":"/x"},"undo":{"steps":[{"do":"dance"}]}}]}`,
    ),
    DAMAGED,
  ],
  ['the lock is {}', put('lock', '{}'), HEALS_LOCK],
  ['the lock is null', put('lock', 'null'), HEALS_LOCK],
  ['the lock is empty', put('lock', ''), HEALS_LOCK],
  ['the lock is a word', put('lock', '"x"'), HEALS_LOCK],
  ['the lock is a directory', (host) => host.mkdir(state('lock'), 0o700), HEALS_LOCK],
  ['the lock is a directory with a file', (host) => host.put(state('lock/x'), ''), HEALS_LOCK],
  ['the lock is of a process that is dead', put('lock', holder(4_000_000)), HEALS_LOCK],
  [
    'the lock is of a process whose number another has',
    (host) => {
      host.put('/proc/4711/stat', `4711 (sh) S ${'0 '.repeat(18)}12345 0`);
      host.put(state('lock'), holder(4711));
    },
    HEALS_LOCK,
  ],
  [
    'the journal has a line without its way back',
    journal({ key: { kind: 'file', id: '/srv/x' } }),
    { ...CUT_OFF, status: [1, 'as it was found', 'but for what 1 damaged line of its journal told of'] },
  ],
  ['the journal has a way back without steps', journal({ key: 'file:/srv/x', undo: {} }), CUT_OFF],
  ['the journal is NULs', put('journal', '\0'.repeat(512)), CUT_OFF],
  ['the journal is empty', put('journal', ''), CUT_OFF],
  ['the journal is torn', journal('{"key":{"kind":"file","id":"/s'), CUT_OFF],
  ['the journal has numbers and words', journal(5, null, '"x"\n', ['a']), CUT_OFF],
  [
    'the journal has a step that nobody knows',
    journal({ key: { kind: 'file', id: '/srv/x' }, title: 'x', undo: { steps: [{ do: 'dance' }] } }),
    CUT_OFF,
  ],
  [
    'the journal has a kind that nobody knows',
    journal({
      key: { kind: 'teapot', id: 'x' },
      title: 'x',
      undo: { steps: [{ do: 'remove', path: '/srv/tea' }] },
    }),
    CUT_OFF,
  ],
  ['ca/ is gone', gone('ca'), bars(1, 'The CA in /opt/registry/ca is gone')],
  ['ca/ca.crt is gone', gone('ca/ca.crt'), bars(1, 'The CA in /opt/registry/ca is gone')],
  [
    'ca/ and .state are gone',
    async (host) => {
      await host.removeTree(at('ca'));
      await host.removeTree(at('.state'));
    },
    {
      ...FORGOTTEN,
      ...bars(1, 'The CA in /opt/registry/ca is gone'),
      uninstall: FORGOTTEN.uninstall,
      purge: FORGOTTEN.purge,
    },
  ],
  [
    'certs/ is gone',
    gone('certs'),
    {
      ...HEALS,
      status: [1, 'as it was found', 'Differs from the plan'],
      renew: [0, 'whole', 'The new certificate'],
    },
  ],
  [
    'auth/ is gone',
    gone('auth'),
    {
      ...HEALS,
      setup: [0, 'whole', 'generated-passwords'],
      status: [1, 'as it was found', 'Differs from the plan'],
    },
  ],
  [
    'the container was renamed',
    (host) => Object.assign(own(host)[0] ?? {}, { name: 'other' }),
    bars(1, 'docker rename other registry', [1, 'as it was found', 'No record tells of container other']),
  ],
  [
    'the container is gone',
    (host) => {
      host.docker.containers = [];
    },
    { ...HEALS, status: [1, 'as it was found', 'container registry'] },
  ],
];

/** Made in the first test. */
let made: Promise<FakeHost> | undefined;

describe.each(TABLE)('%s', (what, broken, row) => {
  test.each(Object.keys(COMMANDS) as Command[])('%s', async (command) => {
    const [code, after, says = ''] = row[command];
    made ??= registry();
    const good = await made;
    const host = await copied(good);
    await broken(host);
    const found = await copied(host);
    const said = await tried(host, COMMANDS[command]);
    expect(said).toEqual({ code, text: expect.stringContaining(says) });
    await mustBe(after, host, found, good, !what.startsWith('auth/'));
  });
});
