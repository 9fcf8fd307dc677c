// Checks SELinux and the firewall: what SELinux refused the registry, and whether one of them was switched off although nothing needs that.
import { join } from 'node:path';
import { isUfwOn } from '../../host/firewall/ufw.ts';
import type { Host } from '../../host/host.ts';
import { hasSystemd, systemctl } from '../../host/systemd.ts';
import { quoted, shellLine } from '../../terminal/shell.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { here, trouble } from '../found.ts';

const AUDIT = '/var/log/audit/audit.log';
/** Bytes at the end of the audit log that are looked at. */
const TAIL = 256 * 1024;
/** Hours for which a refusal is news. */
const NEWS = 24;

/** The programs of a set-up, as the kernel calls them. */
const PROGRAMS = /comm="(registry|docker-registry|auth_server|docker_auth|nginx)"/;

/** Returns the end of a log; empty if there is none, or this user may not read it. */
async function endOf(host: Host, path: string): Promise<string> {
  const file = await host.open(path).catch(() => undefined);
  if (!file) return '';
  try {
    const from = Math.max(0, file.size - TAIL);
    return (await file.read(from, file.size - from)).toString();
  } finally {
    await file.close();
  }
}

/** Reports what SELinux refused the registry lately: a push then ends with status 500. */
async function denied(input: CheckInput): Promise<Trouble[]> {
  const { server, context } = input;
  const { host } = context;
  if (!server || !(await host.stat('/sys/fs/selinux/enforce'))) return [];
  const since = Date.now() / 1000 - NEWS * 3600;
  const evidence = (await endOf(host, AUDIT))
    .split('\n')
    .filter((line) => /^type=AVC .*denied/.test(line) && PROGRAMS.test(line))
    .findLast((line) => Number(/audit\((\d+)/.exec(line)?.[1] ?? 0) > since);
  if (!evidence) return [];
  const { storage, dir, engine } = server.settings;
  const label = ['-R', '-t', engine === 'native' ? 'var_lib_t' : 'container_file_t'];
  return [
    trouble(
      'selinux-denied',
      `SELinux refuses the registry its files in ${storage}: pushes end with status 500.`,
      {
        mend: [
          `Give them the label again:   ${shellLine('chcon', [...label, storage])}`,
          `And the rest of the set-up:   ${here(input, '--yes')}`,
          `It is not needed to switch SELinux off; what it refused:   ausearch -m avc -ts recent | grep ${quoted(dir)}`,
        ],
        evidence,
      },
    ),
  ];
}

/** Reports SELinux that was switched off: in its file, or by setenforce. */
async function selinuxOff({ context: { host } }: CheckInput): Promise<Trouble[]> {
  const path = '/etc/selinux/config';
  const [, mode] =
    /^\s*SELINUX\s*=\s*(\w+)/m.exec((await host.read(path).catch(() => undefined))?.toString() ?? '') ?? [];
  if (mode === undefined) return [];
  const now = (await host.read('/sys/fs/selinux/enforce').catch(() => undefined))?.toString().trim();
  const word = mode.toLowerCase();
  if (word === 'enforcing' && now !== '0') return [];
  const mend =
    word === 'enforcing'
      ? ['setenforce 1']
      : [
          `sed -i 's/^SELINUX=.*/SELINUX=enforcing/' ${path}      (after a time of permissive: a reboot labels all files anew)`,
        ];
  const what =
    word === 'enforcing'
      ? 'SELinux was told to refuse nothing (setenforce 0)'
      : `SELinux is ${word} in ${path}`;
  return [
    trouble(
      'selinux-off',
      `${what}: neither Docker nor the registry needs that: their files have the labels for it.`,
      { severity: 'risk', mend },
    ),
  ];
}

/** Reports a firewalld that is installed, and was stopped or masked. Where it is not installed, or ufw is on, nothing was switched off. */
async function firewallOff({ context: { host }, server }: CheckInput): Promise<Trouble[]> {
  if (
    !server ||
    (await isUfwOn(host)) ||
    !(await hasSystemd(host)) ||
    !(await host.stat(join('/usr/lib/systemd/system', 'firewalld.service')))
  )
    return [];
  const ask = async (word: string) => (await systemctl(host, {}, word, 'firewalld')).stdout.trim();
  const [active, enabled] = await Promise.all([ask('is-active'), ask('is-enabled')]);
  if (active === 'active' || active === 'activating') return [];
  const { port } = server.settings;
  return [
    trouble(
      'firewall-off',
      `firewalld is here and does not run (${enabled || active}): the registry does not need that, its port can be opened.`,
      {
        severity: 'risk',
        mend: [
          `${enabled === 'masked' ? 'systemctl unmask firewalld && ' : ''}systemctl enable --now firewalld`,
          `firewall-cmd --add-port=${port}/tcp --permanent && firewall-cmd --reload`,
        ],
      },
    ),
  ];
}

/** Reports what SELinux refuses, and a protection that is off. */
export const protection: Check = {
  code: 'protection',
  subject: 'machine',
  title: 'SELinux and the firewall are on, and in nobody’s way',
  on: 'both',
  look: async (input) => (await Promise.all([denied(input), selinuxOff(input), firewallOff(input)])).flat(),
};
