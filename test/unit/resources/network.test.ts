import { describe, expect, test } from 'vitest';
import { network } from '../../../src/resources/network.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases } from '../../helpers/provider-cases.ts';

const owner = '/opt/registry';
const resource = { kind: 'network' as const, name: 'registry-network', subnet: '172.31.255.0/28', owner };
const there =
  (subnet: string, by = owner) =>
  (host: FakeHost) => {
    host.docker.networks[resource.name] = { subnet, labels: { 'registry-setup.dir': by } };
  };

describe('a network of the set-up', () => {
  fiveCases(network, resource, [
    { name: 'none', prepare: () => {}, takes: 'create' },
    { name: 'there already', prepare: there(resource.subnet), takes: undefined },
  ]);

  test('one that somebody else made is neither used nor removed', async () => {
    const host = fakeHost();
    there(resource.subnet, '')(host);
    await expect(network.check(resource, host)).rejects.toThrow('was not made by this set-up');
    await network.steps.network.perform({ do: 'network', name: resource.name, owner }, host);
    expect(host.docker.networks[resource.name]).toBeDefined();
  });

  // A container that is set aside until the run is over is started in it again.
  test('is removed when the run is over', async () => {
    const host = fakeHost();
    there(resource.subnet)(host);
    const step = { do: 'network' as const, name: resource.name, owner };
    await network.steps.network.performReversibly?.(step, host);
    expect(host.docker.networks[resource.name]).toBeDefined();
    expect(await network.steps.network.inverse(step, host, { keep: async () => '' })).toEqual({
      steps: [],
      cleanup: [step],
    });
  });
});
