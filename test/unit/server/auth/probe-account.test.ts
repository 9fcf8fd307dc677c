import { expect, test } from 'vitest';
import { loadWitness } from '../../../../src/server/auth/probe-account.ts';
import { probeAccountFile } from '../../../../src/server/plan/docker-auth.ts';
import type { Settings } from '../../../../src/settings/settings.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

const settings = { dir: '/opt/registry' } as Settings;
const path = '/opt/registry/.state/proof';

test('the account is made once, and kept while its password and its hash match', async () => {
  const host = fakeHost();
  const made = await loadWitness(settings, host);
  const file = probeAccountFile(settings, made);
  if (file.kind !== 'file') throw new Error('no file');
  expect(file).toMatchObject({ path, mode: 0o600, mask: 'all' });
  host.put(path, file.content, 0o600);
  const kept = await loadWitness(settings, host);
  expect([kept.hash, kept.password.reveal()]).toEqual([made.hash, made.password.reveal()]);

  host.put(path, file.content.replace(/^./, '!'), 0o600);
  const again = await loadWitness(settings, host);
  expect(again.hash).not.toBe(made.hash);
});
