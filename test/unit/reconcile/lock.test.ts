// One run at a time: what a lock says, waiting for another run, and two that take over a dead run's lock at once.
import { describe, expect, test } from 'vitest';
import {
  type LockHolder,
  lockHolder,
  type Patience,
  takeLock,
  thisProcess,
  untilFree,
} from '../../../src/reconcile/lock.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { DIR } from '../../helpers/run.ts';

const LOCK = `${DIR}/.state/lock`;
const GUARD = `${LOCK}.next`;
const other = { pid: 4711, ticks: '88', command: 'registry-setup rotate', since: '2026-05-03T10:00:00Z' };
const third = { pid: 4712, ticks: '99', command: 'registry-setup', since: '2026-05-03T10:00:05Z' };
const dead = { ...other, pid: 4_000_000 };

const text = (holder: unknown) => JSON.stringify(holder);

/** A machine on which the processes of both others run, and this one. */
function machine(lock?: string): FakeHost {
  const host = fakeHost();
  for (const { pid, ticks } of [other, third, { pid: process.pid, ticks: '77' }])
    host.put(`/proc/${pid}/stat`, `${pid} (node) S ${'0 '.repeat(18)}${ticks} 0`);
  host.put(`${DIR}/.state/oldest.json`, '{}');
  if (lock !== undefined) host.put(LOCK, lock);
  return host;
}

describe('a lock', () => {
  test('names this process so that nobody takes a later one with its number for it', async () => {
    const me = await thisProcess(machine(), 'registry-setup');
    expect(me).toMatchObject({ pid: process.pid, ticks: '77', command: 'registry-setup' });
  });

  test('of this run is no other run', async () => {
    const host = machine();
    await takeLock(host, DIR, await thisProcess(host, 'registry-setup'));
    expect(host.text(LOCK)).toContain('registry-setup');
    expect(await lockHolder(host, DIR)).toBeUndefined();
  });

  test.each([
    ['without a start time', text({ pid: 4_000_000, command: 'x' })],
    ['with a word for a number', text({ ...other, pid: `${other.pid}` })],
    ['that is null', 'null'],
    ['that is torn', '{"pid":47'],
  ])('%s bars nobody', async (_, content) => {
    const host = machine(content);
    expect(await lockHolder(host, DIR)).toBeUndefined();
    await takeLock(host, DIR, third);
    expect(host.text(LOCK)).toBe(text(third));
  });

  test('that is a directory bars nobody', async () => {
    const host = machine();
    host.put(`${LOCK}/x`, '');
    expect(await lockHolder(host, DIR)).toBeUndefined();
    await takeLock(host, DIR, third);
    expect(host.text(LOCK)).toBe(text(third));
  });
});

describe('waiting for another run', () => {
  const patient = (tell: Patience['tell'], seconds = 60) => {
    const told: LockHolder[] = [];
    const controller = new AbortController();
    const patience: Patience = {
      seconds,
      signal: controller.signal,
      tell(holder) {
        told.push(holder);
        tell(holder);
      },
    };
    return { told, controller, patience };
  };

  /** Does something when somebody looks at the lock for the nth time. */
  function atLook(host: FakeHost, acts: Record<number, () => void>) {
    let looks = 0;
    const { read } = host;
    host.read = async (path) => {
      if (path === LOCK) acts[++looks]?.();
      return read(path);
    };
  }

  test('nobody is told who does not wait', async () => {
    const { told, patience } = patient(() => {});
    await untilFree(machine(), DIR, patience);
    expect(told).toEqual([]);
  });

  test('lasts until that run is over, and is told once', async () => {
    const host = machine(text(other));
    const { told, patience } = patient(() => {});
    atLook(host, { 4: () => void host.remove(LOCK) });
    await takeLock(host, DIR, third, patience);
    expect(host.text(LOCK)).toBe(text(third));
    expect(told).toEqual([other]);
  });

  test('is told again when a third run was faster', async () => {
    const host = machine(text(other));
    const { told, patience } = patient(() => {});
    atLook(host, { 2: () => host.put(LOCK, text(third)), 4: () => void host.remove(LOCK) });
    await untilFree(host, DIR, patience);
    expect(told).toEqual([other, third]);
  });

  test.each([0, 0.1])('ends after %s seconds, with the name of that run', async (seconds) => {
    const host = machine(text(other));
    const { told, patience } = patient(() => {}, seconds);
    atLook(host, { 50: () => void host.remove(LOCK) });
    await expect(untilFree(host, DIR, patience)).rejects.toThrow('"registry-setup rotate" (pid 4711)');
    expect(told).toEqual(seconds > 0 ? [other] : []);
    expect(host.text(LOCK)).toBe(text(other));
  });

  test('ends with Ctrl-C', async () => {
    const host = machine(text(other));
    const { controller, patience } = patient(() => controller.abort(), 0.1);
    await expect(untilFree(host, DIR, patience)).rejects.toMatchObject({ exitCode: 130 });
    expect(host.text(LOCK)).toBe(text(other));
  });
});

describe('of two that find the lock of a dead run', () => {
  test('one waits until the other has removed it', async () => {
    const host = machine(text(dead));
    host.put(GUARD, text(other));
    let tries = 0;
    let whose: string | undefined;
    host.before = (operation) => {
      if (operation === `create ${GUARD}` && ++tries === 3) host.remove(GUARD);
      if (operation.endsWith(LOCK) && operation.startsWith('remove')) whose = host.text(GUARD);
    };
    await takeLock(host, DIR, third);
    expect(tries).toBe(3);
    expect(whose, 'nobody else was at it').toBe(text(third));
    expect([host.text(LOCK), host.text(GUARD)]).toEqual([text(third), undefined]);
  });

  test('the other may have died over it', async () => {
    const host = machine(text(dead));
    host.put(GUARD, text(dead));
    await takeLock(host, DIR, third);
    expect([host.text(LOCK), host.text(GUARD)]).toEqual([text(third), undefined]);
  });

  test.each([
    ['has taken it', () => text(other)],
    ['is about to take it', () => undefined],
  ])('the faster %s meanwhile: the slower leaves it alone', async (_, content) => {
    const host = machine(text(dead));
    const faster = content();
    const removed: string[] = [];
    host.before = (operation) => {
      if (operation === `create ${GUARD}`) {
        host.before = (next) => void removed.push(next);
        if (faster) host.put(LOCK, faster);
        else host.remove(LOCK);
      }
    };
    const taken = takeLock(host, DIR, third);
    if (faster) await expect(taken).rejects.toThrow('pid 4711');
    else await taken;
    expect(removed).not.toContain(`removeTree ${LOCK}`);
    expect([host.text(LOCK), host.text(GUARD)]).toEqual([faster ?? text(third), undefined]);
  });
});
