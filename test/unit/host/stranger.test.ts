// A program that came from elsewhere, asked for its version: what it is, what it sees, and what it can keep.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { registryVersion } from '../../../src/engines/native.ts';
import { Interrupted } from '../../../src/errors.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { noRegistry, registryProgram } from '../../helpers/registry-program.ts';

const root = process.getuid?.() === 0;

/** Where everybody may run it. */
function program(text: string): string {
  const place = mkdtempSync('/var/tmp/registry-setup-test-');
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  chmodSync(place, 0o755);
  const path = join(place, 'registry');
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  chmodSync(path, 0o755);
  return path;
}
const ask = (text: string, timeout?: number, host = realHost()) =>
  host.run(program(text), ['--version'], { stranger: true, timeout });

test('the program runs as nobody, in no group, and cannot gain rights', async () => {
  const { stdout } = await ask('grep -E "^(Uid|Gid|Groups|CapEff|CapPrm|NoNewPrivs):" /proc/self/status');
  const lines = stdout.split('\n').map((line) => line.split(/\s+/).filter(Boolean));
  const of = (name: string) => lines.find(([key]) => key === `${name}:`)?.slice(1);
  if (root) {
    expect(of('Uid')).toEqual(Array(4).fill('65534'));
    expect(of('Gid')).toEqual(Array(4).fill('65534'));
    expect(of('Groups')).toEqual([]);
  }
  expect([of('CapEff'), of('CapPrm'), of('NoNewPrivs')]).toEqual([
    ['0000000000000000'],
    ['0000000000000000'],
    ['1'],
  ]);
});

test('the program sees no environment, no terminal and no input', async () => {
  process.env.REGISTRY_SETUP_PASSWORD = 'topsecret';
  onTestFinished(() => void delete process.env.REGISTRY_SETUP_PASSWORD);
  const { stdout, stderr } = await ask(`tr '\\0' '\\n' </proc/$$/environ; cat; pwd; : </dev/tty`);
  expect(stdout.split('\n').filter((line) => line && !/^(PWD=)?\/$/.test(line))).toEqual([]);
  expect(stderr).toMatch(/tty/);
});

test.each<[string, string]>([
  ['it never ends', 'trap "" TERM; while :; do :; done'],
  ['it sleeps', 'sleep 60'],
  ['it never stops talking', 'exec yes'],
  ['it talks without end to both', 'yes >&2 & exec yes'],
])('%s: times out', async (_, text) => {
  const began = Date.now();
  const { code, stdout, stderr } = await ask(text, 1_000);
  expect(code).toBe(124);
  expect(Date.now() - began).toBeLessThan(3_000);
  expect(stdout.length + stderr.length).toBeLessThanOrEqual(2 * 65_536);
});

/** The same command line as no other. */
const unique = (words: string) => `${words}.${Math.random().toString().slice(2, 12)}`;
const runs = (mark: string) => spawnSync('pgrep', ['-f', mark]).status === 0;
const caged =
  root && spawnSync('unshare', ['--pid', '--net', '--ipc', '--fork', '--kill-child', 'true']).status === 0;

test('its background processes block nothing, and end with it', async () => {
  const [plain, away] = [20, 21].map((seconds) => unique(`sleep ${seconds}`));
  const began = Date.now();
  const { code } = await ask(`(trap "" TERM HUP; ${plain}) & setsid ${away} & sleep 0.1`);
  expect(code).toBe(0);
  expect(Date.now() - began).toBeLessThan(2_500);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(runs(`^${plain}$`)).toBe(false);
  if (caged) expect(runs(`^${away}$`)).toBe(false);
});

test.runIf(caged)('nor do its child processes outlive the time limit', async () => {
  const away = unique('sleep 22');
  const { code } = await ask(`setsid ${away} & exec setsid -w sleep 20`, 500);
  expect(code).toBe(124);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(runs(`^${away}$`)).toBe(false);
});

test.runIf(caged)('the program has no network', async () => {
  const { stdout } = await ask('cat /proc/self/net/dev');
  expect(stdout.split('\n').filter((line) => /^\s*\w+:/.test(line))).toEqual([
    expect.stringMatching(/^\s*lo:/),
  ]);
});

test('Ctrl-C ends the program', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 200);
  await expect(ask('sleep 60', 5_000, realHost(controller.signal))).rejects.toThrow(Interrupted);
});

test.runIf(root)('the program cannot show a file that nobody may not read', async () => {
  const secret = program('a secret');
  chmodSync(secret, 0o600);
  const { stdout, stderr } = await ask(`cat ${secret}; cat /etc/shadow`);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/Permission denied[\s\S]*Permission denied/);
});

test('its output is shown without control characters, and is limited', async () => {
  const path = program(`printf '\\033[31m\\302\\233evil\\n%01000d' 7 >&2; exit 1`);
  const { version, why = '' } = await registryVersion(realHost(), path);
  expect(version).toBeUndefined();
  expect(why).toMatch(/^\\u001b\[31m\\u009bevil\n0+$/);
  expect(why.length).toBeLessThan(600);
});

test.skipIf(noRegistry)('a real registry says its version', async () => {
  const path = program('');
  rmSync(path);
  copyFileSync(registryProgram(), path);
  chmodSync(path, 0o755);
  expect((await registryVersion(realHost(), path)).version).toMatch(/^3\.\d/);
});
