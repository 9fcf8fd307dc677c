import { basename, dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Conflict, findConflicts, moveFlag, moveFlagInFile } from '../../../src/dockerd/flags.ts';
import type { Host } from '../../../src/host/host.ts';

const DEBIAN_UNIT = `[Unit]
Description=Docker Application Container Engine
After=network-online.target docker.socket firewalld.service containerd.service
Requires=docker.socket

[Service]
Type=notify
# It's not the default to use systemd for cgroups
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS
ExecReload=/bin/kill -s HUP $MAINPID
`;

const CE_UNIT = `[Service]
Type=notify
ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock
ExecReload=/bin/kill -s HUP $MAINPID
`;

const CENTOS_7_UNIT = `[Service]
Type=notify
NotifyAccess=main
EnvironmentFile=-/run/containers/registries.conf
EnvironmentFile=-/etc/sysconfig/docker
EnvironmentFile=-/etc/sysconfig/docker-storage
Environment=GOTRACEBACK=crash
Environment=DOCKER_HTTP_HOST_COMPAT=1
ExecStart=/usr/bin/dockerd-current \\
          --add-runtime docker-runc=/usr/libexec/docker/docker-runc-current \\
          --exec-opt native.cgroupdriver=systemd \\
          $OPTIONS \\
          $DOCKER_STORAGE_OPTIONS \\
          $INSECURE_REGISTRY
ExecReload=/bin/kill -s HUP $MAINPID
`;

const UPSTART = `description "Docker daemon"
start on (filesystem and net-device-up IFACE!=lo)
script
	# modify these in /etc/default/$UPSTART_JOB (/etc/default/docker)
	DOCKERD=/usr/bin/dockerd
	DOCKER_OPTS=
	if [ -f /etc/default/$UPSTART_JOB ]; then
		. /etc/default/$UPSTART_JOB
	fi
	exec "$DOCKERD" --registry-mirror https://up.lan $DOCKER_OPTS --raw-logs
end script
`;

const UNIT = '/usr/lib/systemd/system/docker.service';
const DROP_IN = '/etc/systemd/system/docker.service.d';

interface Machine {
  files: Record<string, string>;
  /** false: systemd does not run here. */
  systemd?: boolean;
  dropIns?: string[];
  processes?: Record<string, { args: string[]; uid?: number; namespaces?: number }>;
}

/** Reads only: anything else throws. */
function stubHost({ files, systemd = true, dropIns = [], processes = {} }: Machine): Host {
  const all: Record<string, string> = { ...files, '/proc/self/status': 'Name:\tnode\nNSpid:\t7\n' };
  for (const [id, { args, namespaces = 1 }] of Object.entries(processes)) {
    all[`/proc/${id}/cmdline`] = args.map((arg) => `${arg}\0`).join('');
    all[`/proc/${id}/status`] = `Name:\tx\nNSpid:\t${Array(namespaces).fill(id).join('\t')}\n`;
  }
  const host: Pick<Host, 'run' | 'read' | 'list' | 'stat'> = {
    run: async (command, args) => {
      expect([command, ...args.filter((arg) => arg !== '--user')].join(' ')).toBe(
        'systemctl show docker -p FragmentPath -p DropInPaths',
      );
      const unit = args[0] === '--user' ? '/home/dev/.config/systemd/user/docker.service' : UNIT;
      const stdout = `DropInPaths=${dropIns.join(' ')}\nFragmentPath=${unit in files ? unit : ''}\n`;
      return systemd
        ? { code: 0, stdout, stderr: '' }
        : { code: 1, stdout: '', stderr: 'not booted with systemd' };
    },
    read: async (path) => {
      if (path === '/proc/666/cmdline') throw new Error('ESRCH');
      return all[path] === undefined ? undefined : Buffer.from(all[path]);
    },
    list: async (path) => {
      if (path === '/proc') return ['1', '666', 'self', 'cpuinfo', ...Object.keys(processes)];
      return Object.keys(files).flatMap((file) => (dirname(file) === path ? [basename(file)] : []));
    },
    stat: async (path) => {
      const uid = processes[path.replace('/proc/', '')]?.uid ?? 0;
      return { type: 'dir', mode: 0o555, uid, gid: 0, size: 0 };
    },
  };
  return host as Host;
}

const short = ({ file, line, kind, active, values }: Conflict) =>
  `${file}:${line} ${kind}${active ? '' : ' (not used)'}: ${values.join(' ')}`;

const insecure = async (machine: Machine, uid = 0) =>
  (await findConflicts(stubHost(machine), 'insecure-registries', { uid })).map(short);

describe('findConflicts', () => {
  test('none', async () => {
    expect(
      await insecure({
        files: { [UNIT]: DEBIAN_UNIT, '/etc/default/docker': '# DOCKER_OPTS="--insecure-registry a:1"\n' },
      }),
    ).toEqual([]);
    expect(await insecure({ files: { [UNIT]: CE_UNIT } })).toEqual([]);
    expect(await insecure({ files: {}, systemd: false })).toEqual([]);
  });

  test('Debian: DOCKER_OPTS in /etc/default/docker, and the running dockerd', async () => {
    const files = {
      [UNIT]: DEBIAN_UNIT,
      '/etc/default/docker': '# options\n\nDOCKER_OPTS="--dns 8.8.8.8 --insecure-registry reg.lan:5000"\n',
    };
    const processes = {
      108: {
        args: [
          '/usr/sbin/dockerd',
          '-H',
          'fd://',
          '--insecure-registry',
          'reg.lan:5000',
          '--http-proxy=http://u:secret@p',
        ],
      },
    };
    expect(await insecure({ files, processes })).toEqual([
      '/etc/default/docker:3 environment: reg.lan:5000',
      '/proc/108/cmdline:1 process: reg.lan:5000',
    ]);
    const [, running] = await findConflicts(stubHost({ files, processes }), 'insecure-registries');
    expect(running?.text).toBe('--insecure-registry=reg.lan:5000');
  });

  test('Docker CE does not read /etc/default/docker, and that is said', async () => {
    const files = {
      [UNIT]: CE_UNIT,
      '/etc/default/docker': 'DOCKER_OPTS="--insecure-registry=reg.lan:5000"\n',
    };
    expect(await insecure({ files })).toEqual(['/etc/default/docker:1 environment (not used): reg.lan:5000']);
  });

  test('of several assignments systemd takes the last, and none with export', async () => {
    const opts = 'DOCKER_OPTS=--insecure-registry=a:1\nexport DOCKER_OPTS="--insecure-registry=c:1"\n';
    const file = '/etc/default/docker';
    const find = (text: string) => insecure({ files: { [UNIT]: DEBIAN_UNIT, [file]: text } });
    expect(await find(opts)).toEqual([`${file}:1 environment: a:1`, `${file}:2 environment (not used): c:1`]);
    expect(await find(`${opts}DOCKER_OPTS=--debug\n`)).toEqual([
      `${file}:1 environment (not used): a:1`,
      `${file}:2 environment (not used): c:1`,
    ]);
    expect(await find('OTHER_OPTS=--insecure-registry=a:1\n')).toEqual([
      `${file}:1 environment (not used): a:1`,
    ]);
  });

  test('an environment file whose quotes go over lines', async () => {
    const text = `A='it'\nDOCKER_OPTS="--debug\n  # --insecure-registry=no:1\n  --insecure-registry=a:1"\nB=don't\nOTHER=1\n`;
    const found = await findConflicts(
      stubHost({ files: { [UNIT]: DEBIAN_UNIT, '/etc/default/docker': text } }),
      'insecure-registries',
    );
    expect(found).toMatchObject([{ line: 2, active: true, values: ['no:1', 'a:1'] }]);
    expect(found[0]?.text.split('\n')).toHaveLength(3);
  });

  test('a drop-in that replaces ExecStart; the line of the unit no longer counts', async () => {
    const files = {
      [UNIT]: CE_UNIT.replace('fd://', 'fd:// --insecure-registry old.lan:5000'),
      [`${DROP_IN}/10-proxy.conf`]: '[Service]\nEnvironment="HTTP_PROXY=http://proxy:3128"\n',
      [`${DROP_IN}/override.conf`]:
        '[Service]\r\n; ours\r\nExecStart=\r\nExecStart=/usr/bin/dockerd -H fd:// \\\r\n  --insecure-registry=a.lan:5000 \\\r\n  --insecure-registry 10.0.0.0/8\r\n',
    };
    const dropIns = [`${DROP_IN}/10-proxy.conf`, `${DROP_IN}/override.conf`];
    expect(await insecure({ files, dropIns })).toEqual([
      `${DROP_IN}/override.conf:4 drop-in: a.lan:5000 10.0.0.0/8`,
    ]);
    expect(await insecure({ files }), 'before daemon-reload').toEqual(await insecure({ files, dropIns }));
  });

  test('drop-ins come in the order of their names, from whichever folder', async () => {
    const files = {
      [UNIT]: CE_UNIT,
      [`${UNIT}.d/50-vendor.conf`]: '[Service]\nExecStart=\nExecStart=dockerd --insecure-registry=v.lan\n',
      [`${DROP_IN}/10 first.conf`]: '[Service]\nExecStart=\nExecStart=dockerd --insecure-registry=f.lan\n',
      [`${DROP_IN}/99-off.conf.bak`]:
        '[Service]\nExecStart=\nExecStart=dockerd --insecure-registry=bak.lan\n',
    };
    const dropIns = [`"${DROP_IN}/10 first.conf"`, `${UNIT}.d/50-vendor.conf`];
    expect(await insecure({ files, dropIns })).toEqual([`${UNIT}.d/50-vendor.conf:3 drop-in: v.lan`]);
  });

  test('variables of a drop-in, with comments between joined lines', async () => {
    const file = `${DROP_IN}/x.conf`;
    const files = {
      [UNIT]: CE_UNIT,
      [file]: `[Service]
Environment="OPTS=--insecure-registry e1.lan:5000 --debug" MIRROR=--registry-mirror=https://b.lan
Environment=UNUSED=--insecure-registry=no.lan:5000
ExecStart=
ExecStart=/usr/sbin/dockerd -H fd:// \\
# a comment --insecure-registry no.lan
  --containerd=/run/containerd/containerd.sock \\
  ; another
  "--insecure-registry" 'e2.lan:5000' \\
  $OPTS \${MIRROR}
`,
    };
    const machine = { files, dropIns: [file] };
    expect(await insecure(machine)).toEqual([
      `${file}:5 drop-in: e2.lan:5000`,
      `${file}:2 drop-in: e1.lan:5000`,
      `${file}:3 drop-in (not used): no.lan:5000`,
    ]);
    expect((await findConflicts(stubHost(machine), 'registry-mirrors')).map(short)).toEqual([
      `${file}:2 drop-in: https://b.lan`,
    ]);
  });

  test('CentOS 7: OPTIONS and INSECURE_REGISTRY in /etc/sysconfig/docker', async () => {
    const sysconfig = `# /etc/sysconfig/docker
OPTIONS='--selinux-enabled --log-driver=journald --signature-verification=false --insecure-registry "r1.lan:5000"'
if [ -z "\${DOCKER_CERT_PATH}" ]; then
    DOCKER_CERT_PATH=/etc/docker
fi
INSECURE_REGISTRY='--insecure-registry r2.lan:5000 --insecure-registry=r3.lan'
other_args="--insecure-registry r4.lan"
`;
    const files = { [UNIT]: CENTOS_7_UNIT, '/etc/sysconfig/docker': sysconfig };
    const processes = { 900: { args: ['/usr/bin/dockerd-current', '--insecure-registry', 'r1.lan:5000'] } };
    expect(await insecure({ files, processes })).toEqual([
      '/etc/sysconfig/docker:2 environment: r1.lan:5000',
      '/etc/sysconfig/docker:6 environment: r2.lan:5000 r3.lan',
      '/etc/sysconfig/docker:7 environment (not used): r4.lan',
      '/proc/900/cmdline:1 process: r1.lan:5000',
    ]);
  });

  test('upstart, sysvinit and OpenRC, where systemd does not run', async () => {
    const files = {
      '/etc/init/docker.conf': UPSTART,
      '/etc/default/docker': 'DOCKER_OPTS="$DOCKER_OPTS --insecure-registry u.lan:5000"\n',
    };
    expect(await insecure({ files, systemd: false })).toEqual([
      '/etc/default/docker:1 environment: u.lan:5000',
    ]);
    expect((await findConflicts(stubHost({ files, systemd: false }), 'registry-mirrors')).map(short)).toEqual(
      ['/etc/init/docker.conf:10 init-script: https://up.lan'],
    );
    const alpine = {
      '/etc/init.d/docker': '#!/sbin/openrc-run\ncommand="/usr/bin/dockerd"\n',
      '/etc/conf.d/docker': 'DOCKER_OPTS="--insecure-registry=o.lan:5000"\n',
    };
    expect(await insecure({ files: alpine, systemd: false })).toEqual([
      '/etc/conf.d/docker:1 environment: o.lan:5000',
    ]);
    const left = { '/etc/default/docker': 'DOCKER_OPTS="--insecure-registry=gone.lan"\n' };
    expect(await insecure({ files: left, systemd: false })).toEqual([
      '/etc/default/docker:1 environment (not used): gone.lan',
    ]);
  });

  test('which processes count', async () => {
    const flag = '--insecure-registry=x.lan:5000';
    const processes = {
      10: { args: ['dockerd', flag] },
      11: { args: ['/usr/bin/dockerd', flag], namespaces: 2 }, // in a container
      12: { args: ['dockerd', flag], uid: 1000 }, // rootless
      13: { args: ['grep', 'dockerd', flag] },
      14: { args: ['/bin/sh', '-e', '/usr/bin/dockerd-rootless.sh', flag] },
      15: { args: ['dockerd', '--insecure-registry'] },
    };
    expect(await insecure({ files: { [UNIT]: CE_UNIT }, processes })).toEqual([
      '/proc/10/cmdline:1 process: x.lan:5000',
    ]);
    expect(await insecure({ files: {}, processes }, 1000)).toEqual([
      '/proc/12/cmdline:1 process: x.lan:5000',
    ]);
  });

  test('rootless: the unit of the user, and not the files of the system', async () => {
    const unit = '/home/dev/.config/systemd/user/docker.service';
    const files = {
      [unit]: '[Service]\nExecStart=/usr/bin/dockerd-rootless.sh --insecure-registry r.lan:5000\n',
      [UNIT]: DEBIAN_UNIT,
      '/etc/default/docker': 'DOCKER_OPTS=--insecure-registry=no.lan\n',
    };
    expect(await insecure({ files }, 1000)).toEqual([`${unit}:2 unit: r.lan:5000`]);
  });
});

describe('moveFlag', () => {
  test.each<[before: string, after: string, values: string[]]>([
    [
      'ExecStart=/usr/bin/dockerd -H fd:// --insecure-registry a:5000',
      'ExecStart=/usr/bin/dockerd -H fd://',
      ['a:5000'],
    ],
    [
      'ExecStart=/usr/bin/dockerd --insecure-registry=a:5000  -H fd://',
      'ExecStart=/usr/bin/dockerd -H fd://',
      ['a:5000'],
    ],
    [
      'ExecStart=/usr/bin/dockerd \\\n  --insecure-registry a:1 \\\n  -H fd:// \\\n  --debug',
      'ExecStart=/usr/bin/dockerd \\\n  -H fd:// \\\n  --debug',
      ['a:1'],
    ],
    [
      'ExecStart=/usr/bin/dockerd \\\r\n\t-H fd:// \\\r\n\t--insecure-registry=a:1',
      'ExecStart=/usr/bin/dockerd \\\r\n\t-H fd://',
      ['a:1'],
    ],
    [
      'ExecStart=/usr/bin/dockerd \\\n  --insecure-registry \\\n    a:1 \\\n  --insecure-registry=b:2 \\\n  --insecure-registry=c:3',
      'ExecStart=/usr/bin/dockerd',
      ['a:1', 'b:2', 'c:3'],
    ],
    [
      'ExecStart=dockerd --debug \\\n# why\n  --insecure-registry a:1 \\\n# sockets\n  -H fd://',
      'ExecStart=dockerd --debug \\\n# why\n  # sockets\n  -H fd://',
      ['a:1'],
    ],
    [
      'ExecStart=/usr/bin/dockerd "--insecure-registry=a:1" \'--insecure-registry\' "b:2" --label "x y"',
      'ExecStart=/usr/bin/dockerd --label "x y"',
      ['a:1', 'b:2'],
    ],
    [
      "ExecStart=/bin/sh -c 'exec dockerd --insecure-registry a:1 $OPTS 2>&1'",
      "ExecStart=/bin/sh -c 'exec dockerd $OPTS 2>&1'",
      ['a:1'],
    ],
    ['DOCKER_OPTS="--insecure-registry a:1"', 'DOCKER_OPTS=""', ['a:1']],
    ['DOCKER_OPTS="--insecure-registry=a:1"', 'DOCKER_OPTS=""', ['a:1']],
    ['DOCKER_OPTS=--insecure-registry a:1 --debug', 'DOCKER_OPTS=--debug', ['a:1']],
    ['DOCKER_OPTS=--insecure-registry=a:1', 'DOCKER_OPTS=', ['a:1']],
    [
      'DOCKER_OPTS="--debug --insecure-registry \\"a:1\\" -H fd://" # why',
      'DOCKER_OPTS="--debug -H fd://" # why',
      ['a:1'],
    ],
    ['DOCKER_OPTS="$DOCKER_OPTS --insecure-registry a:1"', 'DOCKER_OPTS="$DOCKER_OPTS"', ['a:1']],
    [
      '  OPTIONS = \'--selinux-enabled --insecure-registry "a:1"\'',
      "  OPTIONS = '--selinux-enabled'",
      ['a:1'],
    ],
    [
      'export DOCKER_OPTS="--debug \\\n  --insecure-registry=a:1 \\\n  --icc=false"',
      'export DOCKER_OPTS="--debug \\\n  --icc=false"',
      ['a:1'],
    ],
    ['Environment="OPTS=--insecure-registry a:1 --debug" B=c', 'Environment="OPTS=--debug" B=c', ['a:1']],
    ['Environment=A=1 OPTS=--insecure-registry=a:1', 'Environment=A=1 OPTS=', ['a:1']],
    [
      '\texec "$DOCKERD" --insecure-registry a:1 $DOCKER_OPTS --raw-logs',
      '\texec "$DOCKERD" $DOCKER_OPTS --raw-logs',
      ['a:1'],
    ],
    [
      'ExecStart=dockerd --insecure-registry $REG --insecure-registry a:1',
      'ExecStart=dockerd --insecure-registry $REG',
      ['a:1'],
    ],
    [
      'ExecStart=dockerd --insecure-registry=%H:5000 -D',
      'ExecStart=dockerd --insecure-registry=%H:5000 -D',
      [],
    ],
    [
      'ExecStart=dockerd --registry-mirror=https://m --label insecure-registry=no',
      'ExecStart=dockerd --registry-mirror=https://m --label insecure-registry=no',
      [],
    ],
    ['ExecStart=dockerd --insecure-registry', 'ExecStart=dockerd --insecure-registry', []],
    ['DOCKER_OPTS="don\'t --insecure-registry a:1', 'DOCKER_OPTS="don\'t', ['a:1']],
  ])('%j', (before, text, values) => {
    expect(moveFlag(before, 'insecure-registries')).toEqual({ text, values });
    expect(moveFlag(text, 'insecure-registries').text).toBe(text);
  });

  test('the other directive stays', () => {
    const line = 'ExecStart=dockerd --registry-mirror https://m.lan --insecure-registry a:1';
    expect(moveFlag(line, 'registry-mirrors')).toEqual({
      text: 'ExecStart=dockerd --insecure-registry a:1',
      values: ['https://m.lan'],
    });
  });

  test('in its file, with bytes that are not UTF-8, and not in another one', async () => {
    const line = 'DOCKER_OPTS="--debug \\\n --insecure-registry=a:1"';
    const bytes = Buffer.from(`# f\xfcr uns\r\n${line}\r\nFOO=1`, 'latin1');
    const conflict: Conflict = {
      file: '/etc/default/docker',
      line: 2,
      text: line,
      values: ['a:1'],
      kind: 'environment',
      active: true,
    };
    const after = moveFlagInFile(bytes, conflict, 'insecure-registries');
    expect(after.toString('latin1')).toBe('# f\xfcr uns\r\nDOCKER_OPTS="--debug"\r\nFOO=1');
    expect(() => moveFlagInFile(after, conflict, 'insecure-registries')).toThrow(
      '/etc/default/docker was changed',
    );
  });
});
