// The built program: words in, streams and exit code out. Nothing is touched in any of these.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BUILT } from '../../src/commands/help.ts';
import { type Machine, runProgram, SCRIPT, startProgram, temporaryMachine } from '../helpers/program.ts';
import { temporaryDirectory } from '../helpers/tmp.ts';

/** Runs it in a place of its own, and sees to it that nothing was written there and nothing was done. */
async function run(line: string, prepare: (machine: Machine) => void = () => {}) {
  const machine = temporaryMachine();
  prepare(machine);
  const words = line.split(' ').filter(Boolean);
  const ran = await runProgram(
    words.map((word) => word.replace('HERE', machine.place)),
    machine,
  );
  expect(existsSync(machine.dir), 'nothing is written').toBe(false);
  expect(existsSync(join(machine.place, 'srv')), 'nothing is written').toBe(false);
  expect(
    machine.told().filter((words) => /^(run|create|start|stop|rename|rm|rmi|pull|load) /.test(words)),
  ).toEqual([]);
  return ran;
}
const DIR = '--dir HERE/srv/registry';

test('--version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  for (const line of ['--version', '-V'])
    expect(await run(line)).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test.each(BUILT.map((command) => (command === 'setup' ? '' : command)))('%s --help', async (command) => {
  const { code, stdout, stderr } = await run(`${command} --help`);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/\nUsage: registry-setup/);
});

test('help as a word', async () => {
  for (const line of ['help', 'help uninstall', 'help user add', 'help restore', 'help image show']) {
    const [, command = ''] = line.split(' ');
    expect(await run(line)).toEqual(await run(`${command} --help`));
  }
});

test('an unknown variable is reported, and the run goes on', async () => {
  const env = { REGISTRY_SETUP_PRT: '5', REGISTRY_SETUP_PURGE: '1' };
  const { code, stderr } = await run(`uninstall --yes ${DIR}`, (machine) => Object.assign(machine.env, env));
  expect([code, stderr.split('\n').slice(0, 2)]).toEqual([
    0,
    [
      '! REGISTRY_SETUP_PRT is not known; did you mean REGISTRY_SETUP_PORT?',
      '! REGISTRY_SETUP_PURGE is not taken from the environment: give --purge on the command line.',
    ],
  ]);
});

describe('bad input: 2, and one line for each', () => {
  test.each([...BUILT])('%s with a word that is not understood', async (command) => {
    // A dry run: what is not refused must not touch the machine of the test.
    const { code, stdout, stderr } = await run(`${command} one two --yes --dry-run --json`);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^✖ (one|two): "/);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { message: expect.anything() } });
  });

  test('unknown flags, with the nearest one', async () => {
    const { code, stdout, stderr } = await run('--prot 5000 --frobnicate');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('✖ --prot: there is no such flag; did you mean --port?\n');
    expect(stderr).toContain('✖ --frobnicate: there is no such flag\n');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('no terminal and no flags: lists every missing flag', async () => {
    const { code, stdout, stderr } = await run(DIR);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^✖ Missing: --host, --port, --storage, --auth, --user, --tls\.\n/);
    expect(stderr).toContain('--yes');
  });

  test('invalid values', async () => {
    const { code, stderr } = await run(`--yes --host a_b --port 0 --storage /etc --user a:b ${DIR}`);
    expect(code).toBe(2);
    for (const flag of ['--host', '--port', '--storage', '--user']) expect(stderr).toContain(`✖ ${flag}: `);
  });

  test.each([
    ['port: 1\nhost: a: b\n', 'answers.yml, line 2, column 7: Nested mappings'],
    ['prot: 1\n', 'answers.yml: prot: there is no such setting; did you mean port?'],
    ['port: eighty\n', 'answers.yml: port: takes a whole number, not "eighty"'],
  ])('answers: %j', async (text, wanted) => {
    const { code, stderr } = await run(`--yes --answers HERE/answers.yml ${DIR}`, ({ place }) =>
      writeFileSync(join(place, 'answers.yml'), text),
    );
    expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(wanted)]);
  });

  test('a variable', async () => {
    const { code, stderr } = await run(`--yes ${DIR}`, ({ env }) =>
      Object.assign(env, { REGISTRY_SETUP_PORT: 'x' }),
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('✖ REGISTRY_SETUP_PORT: takes a whole number'),
    ]);
  });

  test('a password file without a password', async () => {
    const { code, stderr } = await run(
      `--yes --host a --tls insecure --password-file HERE/p ${DIR}`,
      ({ place }) => writeFileSync(join(place, 'p'), '\n'),
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('--password-file: a password cannot be empty'),
    ]);
  });
});

test('commands to paste are called as this program was: its name, or the script that is nowhere on the PATH', async () => {
  const machine = temporaryMachine();
  const status = ['status', '--dir', machine.dir, '--json'];
  const called = async (script?: string) => {
    const { stdout, stderr } = await startProgram(status, machine, '', script).result;
    const line = /Set one up: +(.+)\n/.exec(stderr)?.[1] ?? '';
    expect(JSON.parse(stdout).error.fix[0]).toContain(`  ${line}`);
    const pasted = execFileSync('sh', ['-c', `${line} --help`], {
      env: machine.env,
      cwd: '/',
      encoding: 'utf8',
    });
    expect(pasted).toContain('Usage: registry-setup');
    return line;
  };
  expect(await called()).toBe('registry-setup');
  expect(await called(SCRIPT)).toMatch(/^\S*node \S+\/dist\/cli\.js$/);
});

test.each<[string, string, string]>([
  ['rotate --ca --if-expiring 3', '--if-expiring: does not go with --ca', 'rotate --ca'],
  ['status elsewhere', '"status" takes no further word', 'status --dir DIR'],
])('commands to paste in a refusal are called so, too: %s', async (line, message, fix) => {
  const machine = temporaryMachine();
  const { stdout, stderr, code } = await startProgram([...line.split(' '), '--json'], machine, '', SCRIPT)
    .result;
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(JSON.parse(stdout).error.fix.join()).toMatch(new RegExp(`node \\S+/dist/cli\\.js ${fix}`));
  expect(stderr).not.toContain('registry-setup rotate');
});

describe('--json is one document, whatever happens', () => {
  test.each<[string, number, object]>([
    [`--yes --tls insecure --host a --dry-run ${DIR}`, 0, { ok: true, dryRun: true }],
    [`uninstall ${DIR}`, 0, { ok: true, changed: [] }],
    [
      `status ${DIR}`,
      1,
      { ok: false, error: { message: expect.stringContaining('There is no registry in') } },
    ],
    ['--prot 1', 2, { ok: false, error: { message: expect.stringContaining('--prot') } }],
    [DIR, 2, { ok: false, error: { message: expect.stringContaining('Missing: ') } }],
    [`--yes --host a --tls insecure --image nowhere:1 --port 0 ${DIR}`, 2, { ok: false }],
  ])('%s', async (line, wanted, document) => {
    const { code, stdout } = await run(`${line} --json`);
    expect(code).toBe(wanted);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, ...document });
  });
});

test('--dry-run shows what would be run and written, on standard output, without a secret', async () => {
  const { code, stdout } = await run(`--yes --tls insecure --host reg.example --dry-run ${DIR}`);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\n {2}docker run -d --name registry /);
  expect(stdout).toContain('+auth:');
  expect(stdout).toMatch(/\+ {2}secret: \[secret\]\n/);
  expect(stdout).toMatch(/\+admin:\[secret\]\n/);
  expect(stdout).toMatch(/Nothing was changed\.\n$/);
});

test('--quiet says nothing but errors; --verbose shows each command', async () => {
  expect(await run(`uninstall --quiet ${DIR}`)).toEqual({ code: 0, stdout: '', stderr: '' });
  expect((await run(`status --quiet ${DIR}`)).stderr).toContain('✖ There is no registry in');
  const { stderr } = await run(`--yes --tls insecure --host a --dry-run --verbose ${DIR}`);
  expect(stderr).toContain('$ docker info --format {{json .}}\n');
});

test.each([
  ['--yes --tls insecure --host localhost', 'DOCKER_HOST', 'tcp://x3:2375'],
  ['--yes --tls insecure --host localhost --engine podman', 'CONTAINER_HOST', 'ssh://x3/run/podman.sock'],
])(
  '%s with an engine of another machine (%s): nothing is done here or there',
  async (line, name, address) => {
    const { code, stderr } = await run(`${line} ${DIR}`, (machine) =>
      Object.assign(machine.env, { [name]: address }),
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`leads to another machine: ${name} is ${address}.`),
    ]);
    expect(stderr).toContain(`unset ${name}`);
  },
);
describe('surroundings that do not do', () => {
  /** Runs lines of a shell in an empty directory; `registry-setup` is the program. */
  const inShell = (lines: string) =>
    spawnSync('sh', ['-c', lines.replaceAll('registry-setup', `"${process.execPath}" "${SCRIPT}"`)], {
      cwd: temporaryDirectory(),
      encoding: 'utf8',
    });

  test.each([24, 64])('ulimit -n %i: told, also where the program cannot be loaded whole', (limit) => {
    const { status, stdout, stderr } = inShell(
      `ulimit -n ${limit}; registry-setup --yes --dry-run --dir "$PWD/registry"`,
    );
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^✖ \w+ files may be open at once here, and registry-setup needs up to 256\.$/m);
    expect(stderr).toContain('\n    ulimit -n 1024\n');
  });

  test('a current directory that is gone', () => {
    const { status, stderr } = inShell('mkdir gone; cd gone; rmdir ../gone; registry-setup status');
    expect(status).toBe(2);
    expect(stderr).toContain('✖ The directory that you are in does not exist any more.\n');
  });
});

test.each([
  '--yes --tls insecure --host a',
  'status',
  'rotate --yes',
  'user list',
  'user add x --yes',
  'uninstall --yes',
])('what a newer version set up is refused before anything else: %s', async (line) => {
  const machine = temporaryMachine();
  const oldest = join(machine.dir, '.state/oldest.json');
  mkdirSync(join(machine.dir, '.state'), { recursive: true });
  writeFileSync(oldest, '{"format":1,"by":"7.1.0","oldest":[]}');
  writeFileSync(join(machine.dir, 'settings.yml'), 'novelty: yes\n');
  const { code, stderr } = await runProgram([...line.split(' '), '--dir', machine.dir], machine);
  expect(code).toBe(2);
  expect(stderr).toContain(`✖ ${oldest} was written by a newer registry-setup (7.1.0).`);
  expect(stderr).not.toContain('novelty');
  expect(machine.told()).toEqual([]);
  expect(readdirSync(machine.dir).sort()).toEqual(['.state', 'settings.yml']);
});
