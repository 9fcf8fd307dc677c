// A question is asked once, and again when something may have changed.
import { afterEach, expect, test, vi } from 'vitest';
import { realHost } from '../../../src/host/this-host.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const question = { question: true } as const;

/** A host, and how often it has run a program. */
function counting() {
  const ran: string[] = [];
  return { ran, host: realHost(undefined, (line) => ran.push(line)) };
}

afterEach(() => vi.restoreAllMocks());

test('the same question at the same time, and soon after, runs one program', async () => {
  const { host, ran } = counting();
  const [first, second] = await Promise.all([1, 2].map(() => host.run('sh', ['-c', 'echo $$'], question)));
  expect(second?.stdout).toBe(first?.stdout);
  expect((await host.run('sh', ['-c', 'echo $$'], question)).stdout).toBe(first?.stdout);
  expect(ran).toHaveLength(1);
});

test.each<[string, (host: ReturnType<typeof realHost>, dir: string) => Promise<unknown>]>([
  ['another command', (host) => host.run('true', [])],
  ['a file that is written', (host, dir) => host.write(`${dir}/a`, 'a', { mode: 0o600 })],
  ['a file that is removed', (host, dir) => host.remove(`${dir}/b`)],
  ['a change through another host of the same machine', () => realHost().run('true', [])],
])('it is asked again after %s', async (_, change) => {
  const { host } = counting();
  const dir = temporaryDirectory();
  const ask = () => host.run('sh', ['-c', 'echo $$'], question);
  const before = await ask();
  await change(host, dir);
  expect((await ask()).stdout).not.toBe(before.stdout);
});

test('an engine is asked again after a file that it reads, and not after another one', async () => {
  const { host, ran } = counting();
  const dir = temporaryDirectory();
  const ask = () => host.run('docker', ['--version'], question);
  await ask();
  await host.write(`${dir}/config.yml`, 'a', { mode: 0o600 });
  await ask();
  expect(ran).toHaveLength(1);
  await host.mkdir(`${dir}/.docker`, 0o700);
  await ask();
  await host.rename(`${dir}/config.yml`, `${dir}/.docker/config.json`);
  await ask();
  await host.run('true', []);
  await ask();
  expect(ran.filter((line) => line.startsWith('docker'))).toHaveLength(4);
});

test('an answer that came while a change was under way is not used again', async () => {
  const { host } = counting();
  const change = host.run('sleep', ['0.3']);
  const ask = () => host.run('sh', ['-c', 'echo $$'], question);
  const before = await ask();
  await change;
  expect((await ask()).stdout).not.toBe(before.stdout);
});

test('it is asked again after two seconds: others change the machine, too', async () => {
  const { host } = counting();
  const ask = () => host.run('sh', ['-c', 'echo $$'], question);
  const before = await ask();
  const now = performance.now();
  vi.spyOn(performance, 'now').mockReturnValue(now + 2_001);
  expect((await ask()).stdout).not.toBe(before.stdout);
});

test('a command that is no question always runs', async () => {
  const { host, ran } = counting();
  await host.run('true', []);
  await host.run('true', []);
  expect(ran).toHaveLength(2);
});
