// The wizard on a real terminal (a pseudo one), typed at as a person does; the engine is a script, see helpers/program.ts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLI, type Machine, temporaryMachine } from '../helpers/program.ts';
import { freePort, noRegistry } from '../helpers/registry-program.ts';
import { openPty, type Pty, ptyMissing } from '../lab/pty.ts';

const missing = ptyMissing();
if (missing) console.warn(`test/stories/pty.test.ts is skipped: ${missing}`);

/** What is not asked is given: encryption has questions of its own, and the port must be free. */
function wizard(machine: Machine, ...flags: string[]): Pty {
  const words = [process.execPath, CLI, '--dir', machine.dir, '--bind', '127.0.0.1', ...flags];
  const pty = openPty(words.join(' '), { env: { ...machine.env, CI: '' }, rows: 40 });
  onTestFinished(() => pty.close());
  return pty;
}
const untouched = ({ place, told }: Machine) => {
  expect(existsSync(join(place, 'srv'))).toBe(false);
  expect(told().filter((line) => /^(run|create|start|stop|rename|rm|rmi|pull|load) /.test(line))).toEqual([]);
};
const INSECURE = ['--tls', 'insecure', '--no-ui'];

describe.skipIf(missing)('on a terminal', () => {
  test('Ctrl-C in a question: 130, and nothing is written', async () => {
    const machine = temporaryMachine();
    const pty = wizard(machine, ...INSECURE, '--host', 'localhost');
    await pty.waitFor(/\? Port/);
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
    expect(pty.screen()).toMatch(/✖ Nothing was changed\.$/);
    untouched(machine);
  });

  test('a wrong answer is reported and can be corrected; an answer can be changed; "no" changes nothing', async () => {
    const machine = temporaryMachine();
    const port = await freePort();
    const pty = wizard(
      machine,
      ...INSECURE,
      '--host',
      'localhost',
      '--storage',
      join(machine.place, 'images'),
    );
    await pty.waitFor(/\? Port \(\d+\)/);
    pty.type('70000');
    pty.key('enter');
    await pty.waitFor(/a port is a number from 1 to 65535/i);
    pty.key(...Array.from({ length: 5 }, () => 'backspace' as const));
    pty.type(`${port}`);
    pty.key('enter');
    await pty.waitFor(/\? Who may use it/);
    pty.key('enter');
    await pty.waitFor(/\? User name/);
    pty.type('a:b');
    pty.key('enter');
    await pty.waitFor(/"a:b" is not a user name/);
    pty.key('backspace', 'backspace');
    pty.key('enter');
    await pty.waitFor(/\? Password for a /);
    pty.type('geheim');
    pty.key('enter');
    await pty.waitFor(/\? Repeat the password/);
    pty.type('geheim');
    pty.key('enter');
    await pty.waitFor(/\? One more user\?/);
    pty.key('enter');
    const review = await pty.waitFor(/\? Go ahead\?/);
    expect(review).toContain(`localhost:${port}`);
    expect(review).toMatch(/Login {7}htpasswd: a\n/);
    pty.key('down', 'enter');
    await pty.waitFor(/\? Which one\?[\s\S]* Port/);
    pty.key('down', 'enter');
    await pty.waitFor(new RegExp(`\\n\\? Port \\(${port}\\)`));
    const other = await freePort();
    pty.type(`${other}`);
    pty.key('enter');
    await pty.waitFor(new RegExp(`localhost:${other}[\\s\\S]*\\? Go ahead\\?`));
    pty.key('up', 'enter');
    expect(await pty.exitCode).toBe(0);
    expect(pty.screen()).toMatch(/Nothing was changed\.$/);
    expect(pty.history()).not.toContain('geheim');
    untouched(machine);
  });

  test('Ctrl-C while it works: undone, 130', async () => {
    const machine = temporaryMachine();
    Object.assign(machine.env, { FAKE_DOCKER_HANGS: 'run' });
    const pty = wizard(
      machine,
      ...INSECURE,
      '--host',
      'localhost',
      '--port',
      `${await freePort()}`,
      '--auth',
      'none',
      '--storage',
      join(machine.place, 'srv/images'),
    );
    await pty.waitFor(/\? Go ahead\?/);
    pty.key('enter');
    await pty.waitFor(/Container registry/);
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
    expect(pty.screen()).toContain('Interrupted. Undoing …');
    expect(pty.screen()).toMatch(/✖ Interrupted\.\n {2}Everything was put back as it was\.$/);
    expect(existsSync(join(machine.place, 'srv'))).toBe(false);
    expect(machine.containers()).toEqual([]);
  });

  test('Enter all the way through gives a registry, and everything that is needed next', async (context) => {
    if (noRegistry) return context.skip(noRegistry);
    const machine = temporaryMachine({ serves: true });
    const port = await freePort();
    const pty = wizard(machine, ...INSECURE, '--host', 'localhost', '--port', `${port}`);
    for (const question of [
      /images are kept/,
      /\? Who may use it/,
      /\? User name/,
      /\? Password for admin/,
      /\? One more user\?/,
      /\? Go ahead\?/,
    ]) {
      await pty.waitFor(question);
      pty.key('enter');
    }
    expect(await pty.exitCode).toBe(0);
    const screen = pty.history();
    expect(screen).toContain('✔ Answers as localhost, refuses strangers, lets admin in');
    expect(screen).toContain('✔ A test image pushed, pulled and removed');
    expect(screen).toContain(`docker push localhost:${port}/`);
    expect(screen).toMatch(/\n {2}admin {3}(\w{7}-){3}\w{7}\n/);
    const password = /(\w{7}-){3}\w{7}/.exec(screen)?.[0] ?? '';
    expect(screen.split(password), 'shown once').toHaveLength(2);
    expect(existsSync(join(machine.dir, 'generated-passwords')), 'and written nowhere').toBe(false);
    expect(readFileSync(join(machine.dir, 'auth/htpasswd'), 'utf8')).toMatch(/^admin:\$2[aby]\$05\$/);
    expect(screen.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });
});
