// What is an upgrade, and which image is refused before anybody is asked.
import { describe, expect, test } from 'vitest';
import { architecture } from '../../../../../src/engines/images/archive.ts';
import {
  imageText,
  mustBeFit,
  nothingNewer,
  type Upgrade,
  upgradesOf,
  upgradeTexts,
} from '../../../../../src/server/maintenance/upgrade/judge.ts';

const here = architecture();
const from = {
  ref: 'registry:2',
  id: 'a',
  created: '',
  architecture: here,
  variables: [],
  version: '2.8.3',
  major: 2,
};
const to = {
  ...{ role: 'registry' as const, ref: 'registry:3', id: 'b', created: '', architecture: here, fresh: false },
  ...{ version: '3.1.1', major: 3 },
};
const upgrade = (more: { from?: object; to?: object } = {}): Upgrade => ({
  role: 'registry',
  from: { ...from, ...more.from },
  to: { ...to, ...more.to },
});

test('the same image is none, whatever its name', () => {
  expect(upgradesOf({ registry: from }, [{ ...to, id: 'a' }])).toEqual([]);
  expect(upgradesOf({ registry: from }, [to])).toEqual([upgrade()]);
});

describe('refused', () => {
  test('2 to 3 is not, nor the way back', () => {
    mustBeFit(upgrade(), []);
    mustBeFit(upgrade({ from: to, to: from }), ['registry:2']);
    mustBeFit(upgrade({ from: { version: undefined }, to: { version: undefined } }), []);
  });
  test.each([
    ['3 to 2', { from: { ...to, variables: [] }, to: from }, /registry 2, and registry 3 runs here/],
    ['no registry', { to: { version: undefined } }, /is not a registry/],
    ['another machine', { to: { architecture: here === 's390x' ? 'amd64' : 's390x' } }, /is for/],
  ])('%s', (_, more, message) => {
    expect(() => mustBeFit(upgrade(more), [])).toThrow(message);
    try {
      mustBeFit(upgrade(more), []);
    } catch (error) {
      expect(error).toMatchObject({ exitCode: 2 });
    }
  });
});

test('an image by its version, else by its day, unless that is made up', () => {
  expect(imageText(from)).toBe('registry:2 (2.8.3)');
  expect(imageText({ ref: 'a:1', created: '2026-05-01T00:00:00Z' })).toBe('a:1 (of 2026-05-01)');
  for (const created of ['', '1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z'])
    expect(imageText({ ref: 'a:1', created })).toBe('a:1');
});

test('two images with the same words are told apart by their ids', () => {
  expect(upgradeTexts(upgrade())).toEqual(['registry:2 (2.8.3)', 'registry:3 (3.1.1)']);
  const same = upgrade({
    from: { ...to, id: `sha256:${'a'.repeat(64)}` },
    to: { id: `sha256:${'b'.repeat(64)}` },
  });
  expect(upgradeTexts(same)).toEqual([
    `registry:3 (3.1.1) ${'a'.repeat(12)}`,
    `registry:3 (3.1.1) ${'b'.repeat(12)}`,
  ]);
});

test('a name that never leads elsewhere: it is said where the newest is', () => {
  const { role: _, ...plain } = to;
  const at = (ref: string) =>
    nothingNewer({ registry: { ...from, ...plain, ref } }, [{ ...to, ref }]).join('\n');
  expect(at('registry:3')).not.toContain('upgrade');
  expect(at('registry:3.1.1')).toContain('upgrade --image registry:3');
  expect(at(`corp/registry@sha256:${'0'.repeat(64)}`)).toContain('upgrade --image corp/registry:3');
});
