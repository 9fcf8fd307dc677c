// What is told of a machine before the first question.
import { describe, expect, test } from 'vitest';
import { gatherFacts } from '../../../../src/server/plan/facts.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

describe('addresses that clients may use', () => {
  const named = (names: Record<string, string>) => {
    const host = fakeHost();
    host.machine.hostname = 'Reg.Example';
    host.names = names;
    return gatherFacts(host, '/opt/registry');
  };

  test('the name of this machine is among them when it leads here', async () => {
    const { addresses } = await named({ 'Reg.Example': '10.0.3.17' });
    expect(addresses).toEqual([
      { host: '10.0.3.17', note: 'eth0' },
      { host: 'reg.example', note: "this machine's name, resolves to 10.0.3.17" },
    ]);
  });

  test.each([
    ['leads elsewhere', { 'Reg.Example': '192.0.2.1' }],
    ['is known to no name server', {}],
  ])('and not when it %s', async (_, names) => {
    const { addresses } = await named(names as Record<string, string>);
    expect(addresses).toEqual([{ host: '10.0.3.17', note: 'eth0' }]);
  });
});
