import { describe, expect, test } from 'vitest';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { timer, unitPaths } from '../../../src/resources/timer.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const name = 'registry-setup-renew';
const paths = unitPaths({ name });
const resource: ResourceOf<'timer'> = {
  kind: 'timer',
  name,
  service: '[Service]\n[Install]\n',
  timer: '[Timer]\n',
};

/** The same of a person without root. */
const own: ResourceOf<'timer'> = { ...resource, own: true };

/** A systemd that knows a timer when it has read its file, and says what is on. */
function withSystemd(host: FakeHost): FakeHost {
  const on = { enabled: false, active: false, boot: false };
  let read = false;
  const { run, snapshot } = host;
  host.snapshot = () => ({ ...snapshot(), on: { ...on } });
  host.run = async (command, args, options) => {
    if (command !== 'systemctl') return run(command, args, options);
    const [word = ''] = args.filter((arg) => arg !== '--user');
    const is = (yes: boolean) => ({ code: yes ? 0 : 1, stdout: '', stderr: '' });
    const service = args.at(-1)?.endsWith('.service');
    if (word === 'is-active') return is(on.active);
    if (word === 'is-enabled') return is(service ? on.boot : on.enabled);
    if (word === 'daemon-reload')
      read = [paths, unitPaths(own)].some(({ timer: path }) => host.text(path) !== undefined);
    else if (word === 'disable' && service) on.boot = false;
    else if (word === 'disable') on.enabled = on.active = false;
    else if (word === 'enable') {
      if (args.includes(`${name}.timer`)) on.enabled = true;
      if (service) on.boot = true;
    } else if (!read) return { ...is(false), stderr: `Unit ${name}.timer not found.` };
    else if (word === 'restart') on.active = true;
    return is(true);
  };
  host.put('/etc/systemd/system/other.service', '');
  return host;
}
const switchedOn = async (host: FakeHost) => {
  withSystemd(host);
  await timer.apply(resource, host);
};

describe('a timer', () => {
  fiveCases(timer, resource, [
    { name: 'none', prepare: (host) => void withSystemd(host), takes: 'create' },
    {
      name: 'one with another text',
      prepare: async (host) => {
        withSystemd(host);
        await timer.apply({ ...resource, timer: '[Timer]\nOnCalendar=weekly\n' }, host);
      },
      takes: 'change',
    },
    {
      name: 'one that is switched off',
      prepare: async (host) => {
        await switchedOn(host);
        await host.run('systemctl', ['disable', '--now', `${name}.timer`]);
      },
      takes: 'start',
    },
    { name: 'as wanted', prepare: switchedOn, takes: undefined },
  ]);

  test('a unit that systemd refuses fails with the words of systemd', async () => {
    const host = withSystemd(fakeHost());
    const { run } = host;
    host.run = async (command, args, options) =>
      args[0] === 'enable' ? { code: 1, stdout: '', stderr: 'Unit is masked.' } : run(command, args, options);
    await expect(timer.apply(resource, host)).rejects.toMatchObject({ why: 'Unit is masked.' });
  });
});

describe('a timer of the user', () => {
  fiveCases(timer, own, [
    { name: 'none', prepare: (host) => void withSystemd(host), takes: 'create' },
    {
      name: 'as wanted',
      prepare: async (host) => {
        withSystemd(host);
        await timer.apply(own, host);
      },
      takes: undefined,
    },
  ]);

  test('is installed in the systemd of that user only', async () => {
    const host = withSystemd(fakeHost());
    const words: string[][] = [];
    const { run } = host;
    host.run = (command, args, options) => {
      words.push(args);
      return run(command, args, options);
    };
    await timer.apply(own, host);
    expect(words.length).toBeGreaterThan(0);
    expect(words.every(([first]) => first === '--user')).toBe(true);
    expect(host.text(`${process.env.HOME ?? '/root'}/.config/systemd/user/${name}.timer`)).toBe('[Timer]\n');
  });
});

test('one of an older version, whose service did not start with the machine, gets that, and loses it when it is undone', async () => {
  const host = fakeHost();
  await switchedOn(host);
  await host.run('systemctl', ['disable', `${name}.service`]);
  const before = host.snapshot();
  expect(await timer.check(resource, host)).toMatchObject({ what: 'start' });
  const undo = await timer.undo(resource, host, vaultOn(host));
  await timer.apply(resource, host);
  expect(await timer.check(resource, host)).toBeUndefined();
  await undoNow(undo, host);
  expect(host.snapshot()).toEqual(before);
});

test('one whose service says nothing of the machine’s start is started by its timer alone', async () => {
  const host = withSystemd(fakeHost());
  const nightly: typeof resource = { ...resource, service: '[Service]\n' };
  const undo = await timer.undo(nightly, host, vaultOn(host));
  await timer.apply(nightly, host);
  expect(await timer.check(nightly, host)).toBeUndefined();
  expect((await host.run('systemctl', ['is-enabled', '--quiet', `${name}.service`])).code).not.toBe(0);
  await undoNow(undo, host);
  expect(await timer.check(nightly, host)).toMatchObject({ what: 'create' });
});
