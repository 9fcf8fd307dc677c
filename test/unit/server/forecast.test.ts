// When a disk will be full: said only when it can be told.
import { expect, test } from 'vitest';
import { type DiskPoint, fullInDays, withPoint } from '../../../src/server/forecast.ts';

const DAY = 24 * 3_600_000;
const NOW = Date.parse('2026-11-27T12:00:00Z');
/** Gigabytes that were free so many days ago, of 100. */
const point = (daysAgo: number, free: number, total = 100): DiskPoint => ({
  at: new Date(NOW - daysAgo * DAY).toISOString(),
  free,
  total,
});

test('a disk that loses 2 GB a day and has 60 left is full in 30 days', () => {
  expect(fullInDays([point(5, 70), point(3, 66), point(1, 62)], point(0, 60))).toBeCloseTo(30);
  expect(fullInDays([point(1, 62)], point(0, 60))).toBeCloseTo(30);
});

test('a collection in between makes the rate smaller, and does not turn it round', () => {
  const days = fullInDays([point(9, 60), point(6, 50), point(5, 58), point(2, 48)], point(0, 44));
  expect(days).toBeGreaterThan(25);
  expect(days).toBeLessThan(50);
});

test.each([
  ['there is one point', []],
  ['all points are of one day', [point(0.9, 80), point(0.5, 70)]],
  ['it does not fill', [point(4, 50), point(2, 50)]],
  ['it gets emptier', [point(4, 20), point(2, 30)]],
  ['it would take years', [point(20, 50.1)]],
  ['the images were on another disk', [point(4, 300, 500), point(2, 290, 500)]],
  ['what was seen is old', [point(90, 90), point(40, 80)]],
  ['the clock was wrong', [point(-400, 80)]],
  [
    'the notes are damaged',
    [
      { ...point(3, 90), at: 'x' },
      { ...point(2, 90), free: Number.NaN },
    ],
  ],
])('nothing is said if %s', (_, points) => {
  expect(fullInDays(points, point(0, 50))).toBeUndefined();
});

test('points are kept half a day apart, and for a month', () => {
  const old = [point(40, 90), point(3, 80), point(0.2, 70)];
  expect(withPoint(old, point(0, 69))).toEqual(old.slice(1));
  expect(withPoint(old.slice(0, 2), point(0, 69))).toEqual([point(3, 80), point(0, 69)]);
  // Every status of ten years leaves no more than these.
  let kept: DiskPoint[] = [];
  for (let day = 3_650; day >= 0; day -= 0.25) kept = withPoint(kept, point(day, 50));
  expect(kept.length).toBeLessThan(62);
});
