import { expect, test } from 'vitest';
import { readersKept } from '../../../../src/server/checks/readers.ts';
import type { Facts } from '../../../../src/server/plan/facts.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

/** Readers of the last run: settings.yml may have lost its line about the gateway. */
async function findings(line: string, told = true) {
  const { answers } = readArguments(line.split(' '));
  if (answers.reader) answers.reader.last = true;
  const result = resolveSettings(answers, { dir: '/opt/registry', host: 'a.example', engine: 'docker' });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  const host = fakeHost();
  if (told) host.put('/opt/registry/gateway/writers.conf', '"~^admin$" 1;\n');
  return readersKept(result.settings, {} as Facts, host);
}

test('without the gateway, which tells them apart now, they could push', async () => {
  expect(await findings('--auth htpasswd --reader bob --reader carol')).toMatchObject([
    { level: 'error', message: 'bob, carol may only pull, and could push without the gateway.' },
  ]);
});

test.each([
  '--auth htpasswd --reader bob --gateway',
  '--auth token --reader bob',
  '--auth none --reader bob',
])('%s: they could not, or everybody may', async (line) => expect(await findings(line)).toEqual([]));

test('readers that are kept from token mode are told of elsewhere', async () => {
  expect(await findings('--auth htpasswd --reader bob', false)).toEqual([]);
});
