// Several things at a time.
import { expect, test } from 'vitest';
import { eachOf, inLanes } from '../../../src/images/lanes.ts';

const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
const hundred = Array.from({ length: 100 }, (_, i) => i);

test('nothing new is begun after a failure, and what was begun has ended when it is told', async () => {
  let begun = 0;
  let ended = 0;
  const failed = eachOf(hundred, async (item) => {
    begun++;
    await pause();
    ended++;
    if (item === 3) throw new Error('refused');
  });
  await expect(failed).rejects.toThrow('refused');
  const then = begun;
  expect(then).toBeLessThan(hundred.length);
  expect(ended).toBe(begun);
  await pause();
  expect(begun).toBe(then);
});

test('each item is done once, no more than so many at a time', async () => {
  let now = 0;
  let most = 0;
  const done: number[] = [];
  await inLanes(
    hundred,
    undefined,
    async (item) => {
      most = Math.max(most, ++now);
      await pause();
      now--;
      done.push(item);
    },
    7,
  );
  expect(done.sort((a, b) => a - b)).toEqual(hundred);
  expect(most).toBe(7);
});

test('a signal ends all of it', async () => {
  const stop = new AbortController();
  let begun = 0;
  const aborted = inLanes(hundred, stop.signal, async () => {
    if (++begun === 8) stop.abort();
    await pause();
  });
  await expect(aborted).rejects.toThrow();
  expect(begun).toBeLessThan(hundred.length);
});
