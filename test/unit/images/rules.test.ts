// Which tags a rule removes.
import { describe, expect, test } from 'vitest';
import { readPattern, readTagPatterns } from '../../../src/images/pattern.ts';
import { type Dated, judge, type Rules } from '../../../src/images/rules.ts';
import { ageOf, checkAge } from '../../../src/settings/validation.ts';

const NOW = Date.UTC(2026, 10, 27);
const DAY = 24 * 3_600_000;
const ago = (days: number) => new Date(NOW - days * DAY);
const tag = (name: string, days: number | undefined, more: Partial<Dated> = {}): Dated => ({
  tag: name,
  digest: name,
  created: days === undefined ? undefined : ago(days),
  pushed: undefined,
  ...more,
});
const rules = (more: Partial<Rules>): Rules => ({
  keepLast: undefined,
  olderThan: undefined,
  matches: () => true,
  keeps: () => false,
  ...more,
});
const verdict = (tags: Dated[], more: Partial<Rules>) => judge('team/app', tags, rules(more), NOW);
const goes = (tags: Dated[], more: Partial<Rules>) => verdict(tags, more).goes.sort();

const four = [tag('a', 40), tag('b', 30), tag('c', 20), tag('d', 10)];

test('the newest N stay', () => {
  expect(goes(four, { keepLast: 2 })).toEqual(['a', 'b']);
  expect(goes(four, { keepLast: 9 })).toEqual([]);
  expect(goes(four, { keepLast: 0 })).toEqual(['a', 'b', 'c', 'd']);
});

test('what is younger stays', () => {
  expect(goes(four, { olderThan: 25 * DAY })).toEqual(['a', 'b']);
  expect(goes([tag('a', 30)], { olderThan: 30 * DAY })).toEqual([]);
});

test('with both, only what is old and not among the newest goes', () => {
  expect(goes(four, { olderThan: 15 * DAY, keepLast: 2 })).toEqual(['a', 'b']);
  expect(goes(four, { olderThan: 35 * DAY, keepLast: 1 })).toEqual(['a']);
});

test('several tags of one image count once, and have one age', () => {
  const same = [tag('1.0', 40), tag('2.0', 5), tag('stable', 5, { digest: '2.0' }), tag('0.9', 60)];
  expect(goes(same, { keepLast: 2 })).toEqual(['0.9']);
});

test('what is kept by name stays, and takes no place of the newest', () => {
  const keeps = readTagPatterns(['v*', 'latest']);
  expect(goes([tag('v1', 90), tag('latest', 1), ...four], { keepLast: 1, keeps })).toEqual(['a', 'b', 'c']);
});

test('what does not match stays', () => {
  const pattern = readPattern('team/*:pr-*', 'r:5000');
  const matches = (repository: string, name: string) => pattern.repository(repository) && pattern.tag(name);
  expect(goes([tag('pr-1', 40), tag('pr-2', 30), tag('1.0', 90)], { olderThan: DAY, matches })).toEqual([
    'pr-1',
    'pr-2',
  ]);
});

describe('an age that is no age', () => {
  test.each([
    ['none', undefined],
    ['1970, of a build that gives the same bytes each time', NOW / DAY],
    ['a year ahead', -365],
  ])('%s: the tag stays, and is told of', (_, days) => {
    const found = verdict([tag('x', days), tag('old', 90)], { olderThan: DAY });
    expect(found).toEqual({ goes: ['old'], undated: ['x'] });
    expect(verdict([tag('x', days)], { keepLast: 0 }).goes).toEqual([]);
  });

  test('the time of the push stands in for it', () => {
    expect(
      goes([tag('x', NOW / DAY, { pushed: ago(3) }), tag('y', undefined, { pushed: ago(50) })], {
        olderThan: 30 * DAY,
      }),
    ).toEqual(['y']);
  });
});

test('an old image that was pushed again counts as new', () => {
  expect(goes([tag('rolled-back', 200, { pushed: ago(1) })], { olderThan: 30 * DAY })).toEqual([]);
});

test('signatures are not judged by their own age', () => {
  const signature = `sha256-${'a'.repeat(64)}.sig`;
  expect(verdict([tag(signature, 400)], { olderThan: DAY })).toEqual({ goes: [], undated: [] });
});

test('an age is a number of hours, days or weeks', () => {
  expect([ageOf('48h'), ageOf('2d'), ageOf('1w')]).toEqual([2 * DAY, 2 * DAY, 7 * DAY]);
  for (const wrong of ['', '30', 'd', '-1d', '1.5d', '30m', '1y', '30 d', '999999d'])
    expect(checkAge(wrong)?.message, wrong).toContain('is no age');
});
