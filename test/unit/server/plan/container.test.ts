// The service that starts a container of podman has the name of the one that a native registry has: the two are not one.
import { expect, test } from 'vitest';
import { diff, keyOf, orphans, stepsOf } from '../../../../src/reconcile/reconcile.ts';
import { textOfKey } from '../../../../src/resources/key.ts';
import { unitPath } from '../../../../src/resources/unit.ts';
import { containerOf } from '../../../../src/server/plan/container.ts';
import type { PlanFacts } from '../../../../src/server/plan/inputs.ts';
import { nativeService } from '../../../../src/server/plan/native.ts';
import type { Settings } from '../../../../src/settings/settings.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';
import { fakeSystemd } from '../../../helpers/fake-system.ts';
import { DIR } from '../../../helpers/run.ts';

test('from the machine itself to podman: the service that holds the port ends before the container starts', async () => {
  const host = fakeHost();
  const settings = { dir: DIR, name: 'registry', storage: `${DIR}/data`, port: 5000, bind: '0.0.0.0' };
  const native = { binary: `${DIR}/bin/registry`, serviceManager: 'systemd', user: 'r' } as const;
  const unit = nativeService(settings as Settings, native, []).find(({ kind }) => kind === 'unit');
  if (unit?.kind !== 'unit') throw new Error('no unit');
  host.put(unitPath(unit), unit.text);
  fakeSystemd(host, 'registry', { active: true, enabled: true });
  const undo = { steps: [{ do: 'unit' as const, name: unit.name, on: false }] };
  const key = keyOf(unit);
  const oldest = new Map([[textOfKey(key), { key, title: 'service registry', undo }]]);

  const service = {
    name: 'registry',
    owner: DIR,
    engine: 'podman',
    image: 'registry:3',
    env: {},
    options: [],
    command: [],
    mounts: [],
    publish: [],
  };
  const plan = containerOf(service as never, 'digest', { serviceManager: 'systemd' } as PlanFacts);
  host.commands['podman inspect'] = { code: 1, stderr: 'no such container' };
  host.commands['podman container inspect'] = { code: 1, stderr: 'no such container' };
  host.commands['podman image inspect'] = { code: 1, stderr: 'no such image' };
  const changes = await diff([...plan, ...orphans(plan, oldest)], host);
  const titles = stepsOf(changes, DIR, host, undefined as never).map(({ title }) => title);
  expect(titles).toEqual(['Removed service registry', 'Container registry', 'Replaced service registry']);
});
