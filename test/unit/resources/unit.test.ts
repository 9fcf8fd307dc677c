import { describe, expect, test } from 'vitest';
import { type Removal, removal } from '../../../src/reconcile/removal.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { unit, unitPath } from '../../../src/resources/unit.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fakeSystemd, said } from '../../helpers/fake-system.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const text = (digest: number) => `# Written by registry-setup: x\n[Service]\n# digest ${digest}\n`;
const resource: ResourceOf<'unit'> = { kind: 'unit', name: 'registry', text: text(1) };
const path = '/etc/systemd/system/registry.service';

const machine = (text: string | undefined, active: boolean, enabled: boolean) => (host: FakeHost) => {
  fakeSystemd(host, 'registry', { active, enabled });
  if (text !== undefined) host.put(path, text);
};

describe('a service', () => {
  fiveCases(unit, resource, [
    { name: 'none', prepare: machine(undefined, false, false), takes: 'create' },
    { name: 'another text', prepare: machine(text(0), true, true), takes: 'change' },
    { name: 'a stopped one', prepare: machine(resource.text, false, false), takes: 'start' },
    { name: 'as wanted', prepare: machine(resource.text, true, true), takes: undefined },
  ]);

  test('a service that does not start with the machine is enabled', async () => {
    const host = fakeHost();
    machine(resource.text, true, false)(host);
    expect(await unit.check(resource, host)).toMatchObject({ what: 'start' });
  });

  test('systemd reloads its files before it starts anything', async () => {
    const host = fakeHost();
    machine(undefined, false, false)(host);
    await unit.apply(resource, host);
    expect(said(host)).toEqual([
      'systemctl enable --quiet --no-reload registry.service',
      'systemctl daemon-reload',
      'systemctl restart registry.service',
    ]);
  });

  test('a service that somebody has put in its place since is neither stopped nor removed', async () => {
    const host = fakeHost();
    machine(undefined, false, false)(host);
    const undo = await unit.undo(resource, host, vaultOn(host));
    await unit.apply(resource, host);
    const resourceGone: Removal = { kind: 'removal', of: { kind: 'unit', id: 'registry' }, undo };
    expect(await removal.check(resourceGone, host)).toMatchObject({ what: 'remove' });
    host.put(path, '[Service]\nExecStart=/usr/bin/theirs\n');
    const before = host.snapshot();
    expect(await removal.check(resourceGone, host)).toBeUndefined();
    const back = await removal.undo(resourceGone, host, vaultOn(host));
    await removal.apply(resourceGone, host);
    await undoNow(undo, host);
    await undoNow(back, host);
    expect(host.snapshot()).toEqual(before);
    expect(said(host)).not.toContain('systemctl disable --now registry.service');
  });

  test('without root the unit is in the home of the user', () => {
    const own = unitPath({ name: 'registry', own: true }, '/home/bob');
    expect(own).toBe('/home/bob/.config/systemd/user/registry.service');
  });
});
