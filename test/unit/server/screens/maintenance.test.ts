// What status tells of images.
import { expect, test } from 'vitest';
import { maintenanceLines } from '../../../../src/server/screens/maintenance.ts';
import type { Settings } from '../../../../src/settings/settings.ts';

test('one repository with one tag is not called several', () => {
  const at = '2026-05-01T00:00:00Z';
  const counted = { at, repositories: 1, tags: 1, bytes: 1_000 };
  const settings = { engine: 'docker', name: 'registry' } as Settings;
  const [first] = maintenanceLines(settings, { counted }, new Date(at));
  expect(first).toContain('1 repository, 1 tag, 1.0 kB');
});
