import { describe, expect, test } from 'vitest';
import { holdConnections, releaseConnections, untilListening } from '../../../src/host/hold-connections.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';

const door = { bind: '0.0.0.0', port: 5000 };

/** Rules of somebody else. */
const before = ['iptables: -A OUTPUT -p tcp --dport 5000 -j ACCEPT', 'nft other: drop'];

function machine(tool: FakeHost['filter']['tool']): FakeHost {
  const host = fakeHost();
  host.filter = { tool, rules: [...before] };
  return host;
}

describe.each(['nft', 'iptables'] as const)('by %s', (tool) => {
  test('new connections to that port wait for as long as the work takes, and no longer', async () => {
    const host = machine(tool);
    const added = await holdConnections(host, [door], async () =>
      host.filter.rules.filter((rule) => !before.includes(rule)),
    );
    const text = added.join('\n');
    expect(text).toMatch(/\b5000\b/);
    expect(text).toMatch(/drop/i);
    // Each rule ends by itself, should nobody take it away any more.
    expect(text).toMatch(tool === 'nft' ? /5000 timeout \d+s/ : /--datestop 20\d\d-/);
    expect(host.filter.rules).toEqual(before);
  });

  test('with one address: the same port of another address stays open', async () => {
    const host = machine(tool);
    const rules = (bind: string) =>
      holdConnections(host, [{ bind, port: 5000 }], async () => host.filter.rules.join('\n'));
    expect(await rules('10.0.3.17')).toMatch(/(ip daddr|-d) 10\.0\.3\.17/);
    expect(await rules('fd00::1')).toMatch(/(ip6 daddr|-d) fd00::1/);
  });

  test('work that fails lets the connections in, too', async () => {
    const host = machine(tool);
    const failing = async () => {
      throw new Error('not today');
    };
    await expect(holdConnections(host, [door], failing)).rejects.toThrow('not today');
    expect(host.filter.rules).toEqual(before);
  });

  test('the rules of a killed run are removed, and nothing else', async () => {
    const host = machine(tool);
    await holdConnections(host, [door], async () => {
      await releaseConnections(host);
      expect(host.filter.rules).toEqual(before);
    });
  });
});

test.each([
  ['neither tool is there', () => machine('none')],
  [
    'this is not root',
    () => Object.assign(machine('nft'), { machine: { ...fakeHost().machine, uid: 1000 } }),
  ],
])('%s: the work is done all the same', async (_, make) => {
  const host = make();
  expect(await holdConnections(host, [door], async () => 'done')).toBe('done');
  expect(host.filter.rules).toEqual(before);
});

test('a service that has ended is not waited for', async () => {
  await untilListening(fakeHost(), 5000, 4711);
});
