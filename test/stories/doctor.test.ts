// `doctor --error` as a person runs it: a text pasted, or piped in; what it says, its exit code.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CLI, runProgram, temporaryMachine } from '../helpers/program.ts';

const TEXT = 'Get https://10.0.3.17:5000/v1/_ping: http: server gave HTTP response to HTTPS client';

test('a known message: its line, what it means, what to type; exit code 0', async () => {
  const { code, stdout } = await runProgram(['doctor', '--error', TEXT], temporaryMachine());
  expect(code).toBe(0);
  expect(stdout).toContain(TEXT);
  expect(stdout).toContain('→ 10.0.3.17:5000 answers without TLS');
  expect(stdout).toContain('--client --host http://10.0.3.17 --port 5000');
});

test('a screen is piped in, among it a message that is known; --json', async () => {
  const screen = `$ docker push 10.0.3.17:5000/a\n${TEXT}\n尝试1（不行！）\n`;
  const { stdout } = await runProgram(['doctor', '--error', '-', '--json'], temporaryMachine(), screen);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, explained: [{ code: 'http-to-https', times: 1 }] });
});

test('nothing known: it says so, and what to run; exit code 1', async () => {
  const { code, stdout } = await runProgram(['doctor', '--error', '-'], temporaryMachine(), '');
  expect(code).toBe(1);
  expect(stdout).toMatch(/registry-setup doctor\n$/);
});

test('settings that are broken, and files that no one can read, keep no message from being explained', async () => {
  const machine = temporaryMachine();
  mkdirSync(machine.dir, { recursive: true });
  writeFileSync(join(machine.dir, 'settings.yml'), 'port: [');
  const { code } = await runProgram(['doctor', '--error', TEXT, '--dir', machine.dir], machine);
  expect(code).toBe(0);
});

test.each([
  [['--error', TEXT, '--fix'], '--fix'],
  [['--error', ''], '--error'],
  [['--port', '5001'], '--port'],
])('bad input %j: exit code 2, and the flag is named', async (argv, flag) => {
  const { code, stderr } = await runProgram(['doctor', ...argv], temporaryMachine());
  expect(code).toBe(2);
  expect(stderr).toContain(`✖ ${flag}:`);
});

test('Ctrl-C while it waits for the text: exit code 130', async () => {
  const { env } = temporaryMachine();
  const child = spawn(process.execPath, [CLI, 'doctor', '--error', '-'], { env, stdio: 'pipe' });
  const ended = once(child, 'exit');
  // More than a pipe holds: it reads when that is written.
  await new Promise((done) => child.stdin.write(`${TEXT}\n`.repeat(10_000), done));
  child.kill('SIGINT');
  expect((await ended)[0]).toBe(130);
});
