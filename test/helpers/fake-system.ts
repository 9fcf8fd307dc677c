// What a package manager, useradd and systemd do to a fake host. Their state is in files, so that a snapshot sees it.
import type { RunResult } from '../../src/host.ts';
import type { FakeHost } from './fake-host.ts';

/** A command that does something, and is remembered. */
export function on(host: FakeHost, words: string, act: () => Partial<RunResult> | undefined): void {
  Object.defineProperty(host.commands, words, {
    enumerable: true,
    configurable: true,
    get: () => {
      said(host).push(words);
      return act() ?? {};
    },
  });
}

const heard = new WeakMap<FakeHost, string[]>();
/** Commands that were run, in order. */
export function said(host: FakeHost): string[] {
  const list = heard.get(host) ?? [];
  heard.set(host, list);
  return list;
}

const flag = (host: FakeHost, name: string, value?: boolean): boolean => {
  const path = `/var/lib/fake/${name}`;
  if (value !== undefined) host.put(path, value ? 'yes' : 'no');
  return host.text(path) === 'yes';
};

/** apt on a machine of that state. */
export function fakeApt(host: FakeHost, name: string, installed: boolean): void {
  const state = `package-${name}`;
  flag(host, state, installed);
  host.put('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  on(host, `dpkg -s ${name}`, () =>
    flag(host, state) ? { stdout: 'Package: x\nStatus: install ok installed\n' } : { code: 1 },
  );
  on(host, 'dpkg-query -W -f', () => ({ stdout: `libc6\nbash\n${flag(host, state) ? `${name}\n` : ''}` }));
  on(host, `apt-get -o DPkg::Lock::Timeout=120 install`, () => void flag(host, state, true));
  on(host, `apt-get -o DPkg::Lock::Timeout=120 purge`, () => void flag(host, state, false));
  on(host, 'apt-get purge -s', () => ({ stdout: `Purg ${name} [1]\nPurg adduser [2]\nPurg bash [3]\n` }));
  on(host, 'update-rc.d', () => undefined);
}

/** useradd and userdel for one name. */
export function fakeUsers(host: FakeHost, name: string, there: boolean): void {
  const set = (is: boolean) => {
    host.put('/etc/passwd', `root:x:0:0:root:/root:/bin/sh\n${is ? `${name}:x:990:991::/:/x\n` : ''}`);
    host.put('/etc/group', `root:x:0:\n${is ? `${name}:x:991:\n` : ''}`);
  };
  set(there);
  on(host, 'useradd', () => void set(true));
  on(host, 'userdel', () => void set(false));
}

/** systemd with one service. */
export function fakeSystemd(
  host: FakeHost,
  name: string,
  state: { active: boolean; enabled: boolean },
): void {
  host.put('/etc/systemd/system/.keep', '');
  host.put('/run/systemd/system/.keep', '');
  const [active, enabled] = [`${name}-active`, `${name}-enabled`];
  flag(host, active, state.active);
  flag(host, enabled, state.enabled);
  on(host, `systemctl is-active --quiet ${name}.service`, () => ({ code: flag(host, active) ? 0 : 3 }));
  on(host, `systemctl is-enabled --quiet ${name}.service`, () => ({ code: flag(host, enabled) ? 0 : 1 }));
  on(host, 'systemctl daemon-reload', () => undefined);
  on(host, `systemctl mask ${name}.service`, () => {
    host.put(`/etc/systemd/system/${name}.service`, '');
    return {};
  });
  on(host, `systemctl enable --quiet --no-reload ${name}.service`, () => void flag(host, enabled, true));
  on(host, `systemctl restart ${name}.service`, () => void flag(host, active, true));
  on(host, `systemctl disable --now ${name}.service`, () => {
    flag(host, enabled, false);
    flag(host, active, false);
    return {};
  });
}
