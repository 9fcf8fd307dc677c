// Which newer images are known without a network.
import { expect, test, vi } from 'vitest';
import { settingsIn } from '../../src/server/existing.ts';
import { knownUpgrades } from '../../src/server/maintenance/upgrade/known.ts';
import { runCommand } from '../helpers/context.ts';
import { machine } from '../helpers/plans.ts';

// No registry answers on a fake host.
vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));

const DIR = '/opt/registry';

async function registry() {
  const host = machine();
  await runCommand(host, '--yes --tls insecure --user admin');
  const settings = await settingsIn(host, DIR);
  const known = (image = settings.image) => knownUpgrades(host, { ...settings, image });
  return { host, settings, known };
}

test('a name that leads to another image than to what runs', async () => {
  const { host, known } = await registry();
  expect(await known()).toEqual([]);
  host.docker.images['registry:3'] = `sha256:${'4'.repeat(64)}`;
  expect(await known()).toEqual(['registry:3']);
});

test('registry 3 after registry 2, also where it is still to be pulled; not the way back', async () => {
  const { host, known } = await registry();
  expect(await known('mirror.example/registry:2')).toEqual(['mirror.example/registry:3']);
  const from = { registry: { image: 'mirror.example/registry:3' } };
  host.put(`${DIR}/.state/maintenance.json`, JSON.stringify({ upgraded: { at: '', from } }));
  expect(await known('mirror.example/registry:2')).toEqual([]);
});

test('nothing for what does not run, or runs without an engine', async () => {
  const { host, settings, known } = await registry();
  expect(await knownUpgrades(host, { ...settings, engine: 'native', image: 'a/registry:2' })).toEqual([]);
  await host.run('docker', ['stop', 'registry']);
  expect(await known('a/registry:2')).toEqual([]);
});
