// Where a name leads: asked once in a run, also by what stands in for the machine.
import { expect, test } from 'vitest';
import { withoutEngine } from '../../../src/engines/pending.ts';
import { whereLeads } from '../../../src/host/resolution.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

/** A name server that does not answer takes ten seconds: each question is counted. */
function counting() {
  const host = fakeHost();
  const asked: string[] = [];
  const { run } = host;
  host.run = async (command, args, options) => {
    asked.push([command, ...args].join(' '));
    return run(command, args, options);
  };
  return { host, asked };
}

test('a machine whose engine is still to come does not ask the name servers again', async () => {
  const { host, asked } = counting();
  expect(await whereLeads(host, 'reg.example')).toEqual({ to: 'here' });
  expect(await whereLeads(withoutEngine(host, 'docker'), 'reg.example')).toEqual({ to: 'here' });
  expect(asked).toEqual(['getent ahosts reg.example']);
});

test('another name, and another machine, are looked up', async () => {
  const { host, asked } = counting();
  await whereLeads(host, 'reg.example');
  await whereLeads(host, 'other.example');
  const other = fakeHost();
  other.commands['getent ahosts'] = { code: 2 };
  expect(await whereLeads(other, 'reg.example')).toEqual({ to: 'nowhere' });
  expect(asked).toEqual(['getent ahosts reg.example', 'getent ahosts other.example']);
});
