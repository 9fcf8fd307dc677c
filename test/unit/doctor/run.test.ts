// Checks run side by side, and one that fails does not end the others.
import { afterEach, expect, test, vi } from 'vitest';
import type { Check, CheckInput } from '../../../src/doctor/check.ts';
import { runChecks } from '../../../src/doctor/run.ts';
import { Interrupted } from '../../../src/errors.ts';

const input = (more: { server?: unknown; signal?: AbortSignal } = {}) =>
  ({
    server: more.server,
    context: { signal: more.signal ?? new AbortController().signal },
  }) as unknown as CheckInput;
const check = (code: string, look: Check['look'], on: Check['on'] = 'both'): Check => ({
  code,
  look,
  on,
  subject: 'machine',
  title: code,
});
const trouble = { code: 'x', severity: 'broken' as const, cause: 'It is broken.', mend: [] };

afterEach(() => vi.useRealTimers());

test('a check that throws is told with its reason, beside what the others find', async () => {
  const checks = [
    check('bad', () => Promise.reject(new Error('no such thing'))),
    check('good', async () => [trouble]),
  ];
  expect(await runChecks(checks, input())).toMatchObject([
    { troubles: [], failed: 'no such thing' },
    { troubles: [trouble] },
  ]);
});

test('a check that does not end is told after its time', async () => {
  vi.useFakeTimers();
  const run = runChecks([check('late', () => new Promise(() => {}))], input());
  await vi.advanceTimersByTimeAsync(30_000);
  expect((await run)[0]?.failed).toContain('30 s');
});

test('a server’s checks are not made on a client', async () => {
  const seen: string[] = [];
  const look = (name: string) => async () => {
    seen.push(name);
    return [];
  };
  await runChecks([check('s', look('s'), 'server'), check('b', look('b'))], input());
  expect(seen).toEqual(['b']);
});

test('Ctrl-C ends the run, and is no finding', async () => {
  const controller = new AbortController();
  controller.abort();
  const checks = [check('cut', () => Promise.reject(new Error('aborted')))];
  await expect(runChecks(checks, input({ signal: controller.signal }))).rejects.toThrow(Interrupted);
});
