// The program on every Node that it promises to run on: the oldest, the newest of each line, and that of a distribution.
import { execFileSync } from 'node:child_process';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeAll } from '../../lab/host.ts';
import { PASSWORD, pushAndPull, setUp } from '../helpers/clients.ts';
import { install, run, startTeam, type Team } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

const nodes = `${import.meta.dirname}/../../lab/nodes.sh`;
const VERSIONS = execFileSync(nodes, ['list'], { encoding: 'utf8' }).trim().split('\n');
/** Names and chains, which every request hangs on. */
const UNIT_TESTS = ['registry/server-identity', 'registry/handshake'].map(
  (name) => `test/unit/${name}.test.ts`,
);

// The oldest, the newest, and a distribution's own.
const some = [VERSIONS[0], VERSIONS.at(-2), VERSIONS.at(-1)];
const TRIED = chosen(VERSIONS, (version) => some.includes(version));

describe('on machines', () => {
  let team: Team;
  beforeAll(async () => {
    team = await startTeam({ systemNode: true });
    await install(team.dev, { systemNode: true });
  });
  afterAll(removeAll);

  /** Puts a Node before the one that comes with the host, which the name of a distribution stands for. */
  async function installNode(version: string): Promise<string> {
    const machines = Object.values(team);
    await Promise.all(machines.map((host) => host.sh('rm -f /usr/local/bin/node')));
    if (/^\d/.test(version)) {
      const { stdout: binary } = await execa(nodes, ['binary', version]);
      await Promise.all(machines.map((host) => host.copyIn(binary, '/usr/local/bin/node')));
      // Node 26 wants a library that not every machine has.
      const { stdout: needed } = await execa('ldd', [binary]);
      const [, library] = /libatomic\S* => (\/\S+)/.exec(needed) ?? [];
      if (library) await Promise.all(machines.map((host) => host.copyIn(library, library)));
    }
    return (await team.dev.sh('node --version')).stdout.trim();
  }

  it.each(TRIED)('Node %s: a set-up, status, rotate, and a client that pushes', async (version) => {
    const { server, dev } = team;
    const found = await installNode(version);
    if (/^\d/.test(version)) expect(found).toBe(`v${version}`);
    const line = await setUp(server, `--host ${server.ip}`);
    const [{ stdout }] = await Promise.all([run(server, 'status'), run(dev, line, { input: PASSWORD })]);
    expect(stdout).toContain('answers');
    await run(server, 'rotate --yes');
    await pushAndPull(dev, `${server.ip}:5000/team/app:1`);
    await Promise.all([run(dev, '--client --undo --yes'), run(server, 'uninstall --yes --purge')]);
    expect(await Promise.all([server.changes(), dev.changes()])).toEqual([[], []]);
  });
});

describe('the unit tests of TLS', () => {
  it.each(TRIED)('Node %s', async (version) => {
    // What Go says does not hang on Node.
    const words = ['test', version, '--', ...UNIT_TESTS, '--testNamePattern', '^(?!as Go says)'];
    const { failed, all } = await execa(nodes, words, { all: true, reject: false });
    expect(failed, all).toBe(false);
  });
});
