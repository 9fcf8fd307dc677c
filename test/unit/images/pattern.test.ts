// Names of images, and patterns for them.
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors.ts';
import { readPattern, readReference } from '../../../src/images/pattern.ts';

const REGISTRY = '10.0.3.17:5000';
const DIGEST = `sha256:${'0f'.repeat(32)}`;
const complaint = (word: string) => {
  try {
    readReference(word, REGISTRY);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error(`${word} was taken`);
};

describe('a name', () => {
  test.each([
    ['app', { repository: 'app' }],
    ['team/app:1.0', { repository: 'team/app', tag: '1.0' }],
    [`team/app@${DIGEST}`, { repository: 'team/app', digest: DIGEST }],
    [`team/app:1.0@${DIGEST}`, { repository: 'team/app', tag: '1.0', digest: DIGEST }],
    [`${REGISTRY}/team/app:1.0`, { repository: 'team/app', tag: '1.0' }],
    ['a__b/c-d.e_f', { repository: 'a__b/c-d.e_f' }],
  ])('%s', (word, parts) => {
    expect(readReference(word, REGISTRY)).toEqual({ text: word, ...parts });
  });

  test.each([
    ['Team/App:1', /no name of a repository/],
    ['team//app', /no name of a repository/],
    ['../../etc', /no name of a repository/],
    ['team/app:', /is no tag/],
    [`team/app:${'x'.repeat(129)}`, /is no tag/],
    ['team/app@sha256:123', /is no digest/],
    ['team/app@latest', /is no digest/],
    [`team/app@sha256:${'0'.repeat(40)}`, /is no digest/],
    [`team/app@md5:${'0'.repeat(32)}`, /is no digest/],
    ['10.9.9.9:5000/app:1', /10\.9\.9\.9:5000 is another registry/],
    ['app:1\u001b[31m', /is no tag/],
  ])('%s is refused', (word, message) => {
    expect(complaint(word)).toMatch(message);
  });
});

describe('a pattern', () => {
  const hits = (word: string, names: string[]) => {
    const { repository, tag } = readPattern(word, REGISTRY);
    return names.filter((name) => {
      const [, where = name, which = 'x'] = /^(.*):(.*)$/.exec(name) ?? [];
      return repository(where) && tag(which);
    });
  };

  test.each([
    ['team/*', ['team/app:1', 'team/a/b:1', 'team:1', 'other/team/x:1'], ['team/app:1', 'team/a/b:1']],
    ['*', ['a:1', 'a/b:2'], ['a:1', 'a/b:2']],
    ['team/*:pr-*', ['team/app:pr-1', 'team/app:1', 'x/app:pr-1'], ['team/app:pr-1']],
    ['app', ['app:1', 'apple:1', 'my/app:1'], ['app:1']],
    ['app:v?', ['app:v1', 'app:v10'], ['app:v1']],
    ['a.b:1.0', ['a.b:1.0', 'axb:1.0', 'a.b:1x0'], ['a.b:1.0']],
    [`${REGISTRY}/app:*`, ['app:1'], ['app:1']],
  ])('%s', (word, names, wanted) => {
    expect(hits(word, names)).toEqual(wanted);
  });

  test('takes no digest', () => {
    expect(() => readPattern(`team/*@${DIGEST}`, REGISTRY)).toThrow(/fits in no pattern/);
  });
});
