import { describe, expect, test } from 'vitest';
import { startsWithMachine } from '../../../src/engines/docker-service.ts';
import { engine } from '../../../src/resources/docker-service.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { type EngineState, fakeEngine } from '../../helpers/fake-engine.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { on, said } from '../../helpers/fake-system.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const resource: ResourceOf<'engine'> = { kind: 'engine', boot: true };
const machine = (state: Omit<EngineState, 'installed'>) => (host: FakeHost) =>
  void fakeEngine(host, { installed: true, ...state });

describe('the Docker of this machine', () => {
  fiveCases(engine, resource, [
    { name: 'off', prepare: machine({ active: false, enabled: false }), takes: 'start' },
    {
      name: 'off until the machine starts',
      prepare: machine({ active: false, enabled: true }),
      takes: 'start',
    },
    {
      name: 'on until the machine starts',
      prepare: machine({ active: true, enabled: false }),
      takes: 'start',
    },
    { name: 'on', prepare: machine({ active: true, enabled: true }), takes: undefined },
  ]);
});

test('started this once: Docker is not enabled', async () => {
  const host = fakeHost();
  machine({ active: false, enabled: false })(host);
  await engine.apply({ kind: 'engine', boot: false }, host);
  expect(await startsWithMachine(host)).toBe(false);
  expect(await engine.check({ kind: 'engine', boot: false }, host)).toBeUndefined();
});

test('a service that was running before is not stopped', async () => {
  const host = fakeHost();
  const heard = fakeEngine(host, { installed: true });
  host.put('/var/lib/fake/containerd.service-active', 'yes');
  const undo = await engine.undo(resource, host, vaultOn(host));
  await engine.apply(resource, host);
  await undoNow(undo, host);
  expect(heard.filter((line) => line.startsWith('systemctl stop'))).toEqual([
    'systemctl stop docker.socket',
    'systemctl stop docker.service',
  ]);
});

test('Alpine: OpenRC starts it, and is told to do so with the machine', async () => {
  const host = fakeHost();
  host.put('/sbin/rc-service', '', 0o755);
  const done = (line: string) => ({ code: said(host).includes(line) ? 0 : 1 });
  on(host, 'docker version', () => done('rc-service docker start'));
  on(host, 'test -e /etc/runlevels/default/docker', () => done('rc-update add docker default'));
  on(host, 'rc-update add docker default', () => undefined);
  on(host, 'rc-service docker start', () => undefined);
  expect(await engine.check(resource, host)).toEqual({
    what: 'start',
    details: ['rc-service docker start', 'rc-update add docker default'],
  });
  await engine.apply(resource, host);
  expect(await engine.check(resource, host)).toBeUndefined();
});
