// What a package manager, useradd and systemd do to a fake host. Their state is in files, so that a snapshot sees it.
import type { RunResult } from '../../src/host/host.ts';
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
  on(host, 'pgrep -x', () => ({ code: 1 }));
  on(host, 'dpkg --audit', () => undefined);
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
  // Whether it has read its files is unknown: it reads them again.
  host.commands['systemctl show --property=NeedDaemonReload'] = {};
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

const MARKED = 'comment=72656769737472792d7365747570';
/** A rule of ufw as /etc/ufw/user.rules has it, without what iptables is told of it. */
export const tuple = (words: string): string => `### tuple ### ${words}\n`;

/** ufw, which takes and drops the rule for port 5000, whoever may come. */
export function fakeUfw(host: FakeHost, enabled: boolean, rules = ''): void {
  const path = '/etc/ufw/user.rules';
  const ours = tuple(`allow tcp 5000 0.0.0.0/0 any 0.0.0.0/0 in ${MARKED}`);
  host.put('/etc/ufw/ufw.conf', `# a remark\nENABLED=${enabled ? 'yes' : 'no'}\n`);
  host.put('/etc/default/ufw', 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_FORWARD_POLICY="DROP"\n');
  host.put(path, rules);
  on(host, 'ufw allow 5000/tcp comment registry-setup', () => {
    host.put(path, `${host.text(path)}${ours}`);
    return {};
  });
  on(host, 'ufw --force delete allow 5000/tcp', () => {
    host.put(path, host.text(path)?.replace(ours, '') ?? '');
    return {};
  });
}

/** firewalld with one zone, `public`, and port 5000; what each configuration lets in is said as `--list-all` has it. */
export function fakeFirewalld(
  host: FakeHost,
  zone: { now?: string; later?: string; runs?: boolean } = {},
): void {
  const { runs = true } = zone;
  host.put('/usr/bin/firewall-cmd', '', 0o755);
  on(host, 'firewall-cmd --state', () => ({ code: runs ? 0 : 252 }));
  on(host, 'firewall-cmd --get-zone-of-interface=', () => ({ code: 2, stdout: 'no zone' }));
  on(host, 'firewall-cmd --get-default-zone', () => ({ stdout: 'public\n' }));
  for (const part of ['now', 'later'] as const) {
    const start = `firewall-cmd ${part === 'later' ? '--permanent ' : ''}--zone=public`;
    const path = `/etc/firewalld/fake-${part}`;
    const others = zone[part] ?? '  target: default\n  services: ssh';
    host.put(path, '');
    const off = () => (runs ? undefined : { code: 252 });
    on(
      host,
      `${start} --list-all`,
      () => off() ?? { stdout: `public\n${others}\n  ports: ${host.text(path)}\n` },
    );
    on(
      host,
      `${start} --query-port=5000/tcp`,
      () => off() ?? { code: host.text(path) === '5000/tcp' ? 0 : 1 },
    );
    on(host, `${start} --add-port=5000/tcp`, () => off() ?? void host.put(path, '5000/tcp'));
    on(host, `${start} --remove-port=5000/tcp`, () => off() ?? void host.put(path, ''));
  }
}
