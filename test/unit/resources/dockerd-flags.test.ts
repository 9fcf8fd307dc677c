// Flags of dockerd that move into daemon.json, with one restart.
import { describe, expect, test } from 'vitest';
import { moved } from '../../../src/resources/dockerd-flags.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { DAEMON, runDockerd } from '../../helpers/daemon.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const own = '/etc/systemd/system/docker.service.d/own.conf';
const resource: ResourceOf<'moved'> = {
  kind: 'moved',
  daemon: DAEMON,
  directive: 'insecure-registries',
  entries: ['a:1', '10.0.3.17:5000'],
  edits: [{ path: own, content: '[Service]\nExecStart=\nExecStart=dockerd\n' }],
};

const start = (daemonJson?: string, unit?: string) => (host: FakeHost) => {
  host.put('/etc/docker/key.json', '');
  host.put('/etc/systemd/system/other', '');
  if (daemonJson !== undefined) host.put(DAEMON.config, daemonJson);
  if (unit !== undefined) host.put(own, unit);
  runDockerd(host);
};
const flagged = '[Service]\nExecStart=\nExecStart=dockerd --insecure-registry a:1\n';

describe('flags that move', () => {
  fiveCases(moved, resource, [
    { name: 'a drop-in of the machine', prepare: start(undefined, flagged), takes: 'change' },
    { name: 'beside a daemon.json', prepare: start('{"debug":true}', flagged), takes: 'change' },
    { name: 'the unit of the package: a drop-in is made', prepare: start('{}'), takes: 'change' },
    {
      name: 'as wanted',
      prepare: start('{"insecure-registries":["a:1","10.0.3.17:5000"]}', resource.edits[0]?.content),
      takes: undefined,
    },
  ]);

  test('the restart of Docker is reported as data, not only in words', async () => {
    const host = fakeHost();
    start(undefined, flagged)(host);
    expect(await moved.check(resource, host)).toMatchObject({ restarts: DAEMON });
  });

  test('Docker is restarted once, and once for the undo, after the files', async () => {
    const host = fakeHost();
    start('{}', flagged)(host);
    const daemon = runDockerd(host);
    const undo = await moved.undo(resource, host, vaultOn(host));
    await moved.apply(resource, host);
    expect([daemon.restarts, daemon.insecure()]).toEqual([1, ['a:1', '10.0.3.17:5000']]);
    expect(undo.steps.at(-1)).toMatchObject({ do: 'restart' });
    await undoNow(undo, host);
    expect([daemon.restarts, daemon.insecure()]).toEqual([2, []]);
  });
});
