// A terminal that goes away, a reader that ends, a full disk below standard output: the run ends as if somebody still read it.
import { spawn } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CLI, type Machine, temporaryMachine } from '../helpers/program.ts';
import { freePort, noRegistry } from '../helpers/registry-program.ts';
import { openPty, ptyMissing } from '../lab/pty.ts';

const words = async (machine: Machine, ...more: string[]) => [
  CLI,
  '--yes',
  ...['--host', 'localhost', '--bind', '127.0.0.1', '--tls', 'insecure', '--auth', 'none', '--no-ui'],
  ...['--port', `${await freePort()}`, '--dir', machine.dir],
  ...more,
];
const full = () => openSync('/dev/full', 'w');

describe.skipIf(noRegistry || !existsSync('/dev/full'))('output that nobody takes decides nothing', () => {
  test.each<[string, string[], ('pipe' | 'ignore' | 'full')[]]>([
    ['standard error is full', [], ['ignore', 'ignore', 'full']],
    ['standard output is full', ['--json'], ['ignore', 'full', 'ignore']],
    ['both, with every command in it', ['--verbose'], ['ignore', 'full', 'full']],
    ['the reader has ended', ['--verbose'], ['ignore', 'pipe', 'pipe']],
  ])('%s', async (_, more, streams) => {
    const machine = temporaryMachine({ serves: true });
    const stdio = streams.map((stream) => (stream === 'full' ? full() : stream));
    const child = spawn(process.execPath, await words(machine, ...more), { env: machine.env, stdio });
    for (const stream of [child.stdout, child.stderr]) stream?.once('data', () => stream.destroy());
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
    expect(machine.containers()).toEqual(['registry']);
    expect(existsSync(join(machine.dir, 'settings.yml'))).toBe(true);
    expect(readdirSync(join(machine.dir, '.state'))).toEqual(['oldest.json', 'reserve']);
  });
});

describe.skipIf(ptyMissing())('a window that is closed', () => {
  /** The wizard on a terminal, with no question left but the last. `close` waits until the program has ended. */
  async function onTerminal(machine: Machine, ...more: string[]) {
    const line = await words(machine, ...more, '--storage', join(machine.place, 'srv/images'));
    const file = join(machine.place, 'pid');
    const program = [process.execPath, ...line].filter((word) => word !== '--yes').join(' ');
    // The kernel sends SIGHUP to the first process of a session alone.
    const pty = openPty(`echo $$ >${file}; exec ${program}`, { env: { ...machine.env, CI: '' }, rows: 40 });
    await pty.waitFor(/\? Go ahead\?/);
    const pid = readFileSync(file, 'utf8').trim();
    const close = async () => {
      await pty.close();
      for (let tries = 0; existsSync(`/proc/${pid}`); tries++) {
        if (tries > 200) throw new Error('it goes on without its terminal');
        await sleep(50);
      }
    };
    return { pty, close };
  }

  test('in a question: it ends, and nothing is written', async () => {
    const machine = temporaryMachine();
    await (await onTerminal(machine)).close();
    expect(existsSync(join(machine.place, 'srv'))).toBe(false);
  });

  test('while it works: all of it is undone', async () => {
    const machine = temporaryMachine();
    const { pty, close } = await onTerminal(machine);
    pty.key('enter');
    await pty.waitFor(/Container registry/);
    await close();
    expect(existsSync(join(machine.place, 'srv'))).toBe(false);
    expect(machine.containers()).toEqual([]);
  });
});
