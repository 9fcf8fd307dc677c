// A change that failed before it wrote anything needs no undo: whatever refused it would refuse the undo as well, and bar every later
// command. For every kind of resource, on a machine that refuses everything.
import { describe, expect, test } from 'vitest';
import { attempt, stepKindOf } from '../../../src/reconcile/undo.ts';
import type { PROVIDERS } from '../../../src/resources/providers.ts';
import { providerOf, type Resource, type ResourceOf } from '../../../src/resources/resource.ts';
import type { Undo } from '../../../src/resources/undo.ts';
import { unitPath } from '../../../src/resources/unit.ts';
import { Secret } from '../../../src/secret.ts';
import { DAEMON, runDockerd } from '../../helpers/daemon.ts';
import { imageIdOf } from '../../helpers/fake-docker.ts';
import { fakeEngine } from '../../helpers/fake-engine.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fakeApt, fakeFirewalld, fakeUfw, fakeUsers } from '../../helpers/fake-system.ts';
import { vaultOn } from '../../helpers/provider-cases.ts';
import { refusing } from '../../helpers/refusing-host.ts';

type Kind = keyof typeof PROVIDERS;
type Cases<K extends Kind> = { [name: string]: [ResourceOf<K>, (host: FakeHost) => void | Promise<void>] };

/** A systemd that answers, and in which these units run and start at boot. */
function systemd(host: FakeHost, ...on: string[]) {
  const { run } = host;
  host.put('/run/systemd/system/.keep', '');
  host.run = async (command, args, options) => {
    if (command !== 'systemctl') return run(command, args, options);
    const [word = '', property = ''] = args;
    const answer = (code: number, stdout = '') => ({ code, stdout, stderr: '' });
    if (word === 'is-active' || word === 'is-enabled') return answer(on.includes(args.at(-1) ?? '') ? 0 : 1);
    if (property === '--property=NeedDaemonReload')
      return answer(
        0,
        args
          .slice(3)
          .map(() => 'no')
          .join('\n\n'),
      );
    if (property === '--property=InvocationID') return answer(0, '1f0c\n');
    return answer(0);
  };
}

const noFile = () => {};
const [path, mode] = ['/srv/file', 0o600];
const unitText = '# Written by registry-setup: x\n[Service]\n';
const UNIT: ResourceOf<'unit'> = { kind: 'unit', name: 'registry', text: `${unitText}# digest 1\n` };
const TIMER: ResourceOf<'timer'> = {
  kind: 'timer',
  name: 'renew',
  service: '[Service]\n',
  timer: '[Timer]\n',
};
const timerFiles = (host: FakeHost, text = '') => {
  host.put('/etc/systemd/system/renew.service', `[Service]\n${text}`);
  host.put('/etc/systemd/system/renew.timer', '[Timer]\n');
};
const CONTAINER: ResourceOf<'container'> = {
  kind: 'container',
  digest: 'new',
  service: {
    name: 'registry',
    image: 'registry:3',
    command: ['serve'],
    publish: [],
    mounts: [],
    env: {},
    owner: '/opt/registry',
    options: [],
  },
};
const container = (digest: string, stop: boolean) => async (host: FakeHost) => {
  host.docker.images['registry:3'] = imageIdOf('registry:3');
  await providerOf(CONTAINER).apply({ ...CONTAINER, digest }, host);
  if (stop) await host.run('docker', ['stop', 'registry']);
};
const HOSTS: ResourceOf<'hosts'> = { kind: 'hosts', path: '/etc/hosts', name: 'reg', address: '10.0.0.1' };
const ENTRY: ResourceOf<'daemonJson'> = {
  kind: 'daemonJson',
  daemon: DAEMON,
  directive: 'insecure-registries',
  entry: 'a:1',
  present: true,
};
const dockerd = (content?: string) => (host: FakeHost) => {
  host.put('/etc/docker/key.json', '');
  if (content !== undefined) host.put(DAEMON.config, content);
  runDockerd(host);
  systemd(host, 'docker');
};
const FLAGS = '/etc/systemd/system/docker.service.d/own.conf';
const TRUST: ResourceOf<'trust'> = { kind: 'trust', store: 'debian', name: 'reg', pem: pem('NEW') };
function pem(body: string) {
  return `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
}
const store = (bundle: string, file?: string) => (host: FakeHost) => {
  host.put('/usr/local/share/ca-certificates/.keep', '');
  host.put('/etc/ssl/certs/ca-certificates.crt', bundle);
  if (file) host.put('/usr/local/share/ca-certificates/reg.crt', file);
  if (file) host.put('/etc/ssl/certs/reg.pem', file);
};
const LOGIN: ResourceOf<'login'> = {
  kind: 'login',
  tool: 'docker',
  registry: 'reg:5000',
  file: '/root/.docker/config.json',
  user: 'admin',
  password: new Secret('pass word'),
};
const SCRIPT = '/opt/registry/run/registry.sh';
const BINARY = '/opt/registry/bin/registry';
const PROCESS: ResourceOf<'process'> = { kind: 'process', name: 'registry', script: SCRIPT, digest: 'new' };
const ENGINE = { active: false, enabled: false };

/** Every kind, and for each what may be there before. */
const CASES: { [K in Kind]: Cases<K> } = {
  package: {
    none: [
      { kind: 'package', manager: 'apt', name: 'docker-registry', service: 'docker-registry' },
      (host) => {
        fakeApt(host, 'docker-registry', false);
        systemd(host);
      },
    ],
    'none, and its service is masked already': [
      { kind: 'package', manager: 'apt', name: 'docker-registry', service: 'docker-registry' },
      (host) => {
        fakeApt(host, 'docker-registry', false);
        host.put('/etc/systemd/system/docker-registry.service', '');
        systemd(host);
      },
    ],
    'an engine': [
      { kind: 'package', manager: 'apt', name: 'docker.io', engine: 'docker' },
      (host) => void fakeEngine(host, { installed: false }),
    ],
  },
  engine: {
    off: [{ kind: 'engine', boot: true }, (host) => void fakeEngine(host, { installed: true, ...ENGINE })],
  },
  image: { none: [{ kind: 'image', ref: 'registry:3' }, noFile] },
  dir: {
    none: [{ kind: 'dir', path: '/srv/a/b', mode }, noFile],
    'another mode': [{ kind: 'dir', path: '/srv/a', mode }, (host) => host.mkdir('/srv/a', 0o755)],
  },
  file: {
    none: [{ kind: 'file', path, mode, content: 'new' }, noFile],
    another: [{ kind: 'file', path, mode, content: 'new' }, (host) => host.put(path, 'old')],
  },
  program: {
    none: [{ kind: 'program', path: '/opt/program', from: '/usr/lib/program', files: { a: 'b' } }, noFile],
  },
  copy: {
    none: [{ kind: 'copy', path, from: '/tmp/node', mode }, (host) => host.put('/tmp/node', 'ELF')],
  },
  binary: {
    another: [
      { kind: 'binary', path: BINARY, ref: 'registry:3', archive: '/a.tar' },
      (host) => host.put(BINARY, 'ELF', 0o644),
    ],
  },
  account: { none: [{ kind: 'account', name: 'reg' }, (host) => fakeUsers(host, 'reg', false)] },
  owner: {
    'of root': [
      { kind: 'owner', path: '/srv/data', user: 'reg' },
      (host) => {
        fakeUsers(host, 'reg', true);
        host.put('/srv/data/docker/registry/v2/x', '');
      },
    ],
  },
  container: {
    none: [CONTAINER, noFile],
    another: [CONTAINER, container('old', false)],
    'another, stopped': [CONTAINER, container('old', true)],
    'the same, stopped': [CONTAINER, container('new', true)],
  },
  network: {
    none: [{ kind: 'network', name: 'net', subnet: '172.31.255.0/28', owner: '/opt/registry' }, noFile],
  },
  reload: {
    'nginx does not run': [
      { kind: 'reload', name: 'gateway', config: '/nginx.conf', marker: '/srv/loaded', digest: 'new' },
      noFile,
    ],
  },
  unit: {
    none: [UNIT, (host) => systemd(host)],
    'another, which runs': [
      UNIT,
      (host) => {
        host.put(unitPath(UNIT), `${unitText}# digest 0\n`);
        systemd(host, 'registry.service');
      },
    ],
    'the same, switched off': [
      UNIT,
      (host) => {
        host.put(unitPath(UNIT), UNIT.text);
        systemd(host);
      },
    ],
  },
  process: {
    'another, which runs': [
      PROCESS,
      (host) => {
        host.put(SCRIPT.replace('.sh', '.pid'), '77');
        host.put('/proc/77/cmdline', `/bin/sh\0${SCRIPT}\0old\0`);
      },
    ],
    none: [PROCESS, (host) => host.put(SCRIPT, '')],
  },
  timer: {
    none: [TIMER, (host) => systemd(host)],
    'another, which is on': [
      TIMER,
      (host) => {
        timerFiles(host, 'User=x\n');
        systemd(host, 'renew.timer', 'renew.service');
      },
    ],
    'the same, switched off': [
      TIMER,
      (host) => {
        timerFiles(host);
        systemd(host);
      },
    ],
  },
  firewall: {
    ufw: [{ kind: 'firewall', program: 'ufw', port: 5000 }, (host) => fakeUfw(host, true)],
    firewalld: [
      { kind: 'firewall', program: 'firewalld', port: 5000, zone: 'public' },
      (host) => fakeFirewalld(host),
    ],
  },
  hosts: {
    'no file': [HOSTS, noFile],
    'no line': [HOSTS, (host) => host.put('/etc/hosts', '127.0.0.1 localhost')],
    'a line with another address': [
      HOSTS,
      (host) => host.put('/etc/hosts', '10.0.0.9 reg # registry-setup\n'),
    ],
  },
  daemonJson: {
    'no file': [ENTRY, dockerd()],
    'no entry': [ENTRY, dockerd('{"debug":true}')],
    'an entry that is to go': [{ ...ENTRY, present: false }, dockerd('{"insecure-registries":["a:1"]}')],
  },
  moved: {
    'flags in a drop-in': [
      {
        kind: 'moved',
        daemon: DAEMON,
        directive: 'insecure-registries',
        entries: ['a:1'],
        edits: [{ path: FLAGS, content: 'b' }],
      },
      (host) => {
        host.put(FLAGS, '[Service]\nExecStart=dockerd --insecure-registry a:1\n');
        dockerd('{"debug":true}')(host);
      },
    ],
  },
  trust: {
    none: [TRUST, store(pem('OTHER'))],
    another: [TRUST, store(pem('OTHER') + pem('OLD'), pem('OLD'))],
  },
  login: {
    'no file': [LOGIN, (host) => host.put('/root/.bashrc', '')],
    'another user': [LOGIN, (host) => host.put(LOGIN.file, '{"auths":{"reg:5000":{"auth":"x"}}}\n', 0o600)],
    'others alone': [LOGIN, (host) => host.put(LOGIN.file, '{"auths":{"b":{"auth":"x"}}}\n', 0o600)],
  },
};

const all = Object.entries(CASES).flatMap(([kind, cases]) =>
  Object.entries(cases).map(([name, [resource, prepare]]) => ({ kind, name, resource, prepare })),
);

describe('what failed before it wrote anything is undone by doing nothing', () => {
  test.each<{ kind: string; name: string; resource: Resource; prepare: (host: FakeHost) => unknown }>(all)(
    '$kind: $name',
    async ({ resource, prepare }) => {
      const machine = fakeHost();
      await prepare(machine);
      const before = machine.snapshot();
      const provider = providerOf(resource);
      expect(await provider.check(resource, machine), 'there is something to do').toBeDefined();
      const undo: Undo = JSON.parse(JSON.stringify(await provider.undo(resource, machine, vaultOn(machine))));
      const { host, tried } = refusing(machine);
      await expect(provider.apply(resource, host)).rejects.toThrow();
      tried.length = 0;
      const failures: string[] = [];
      for (const step of [...undo.steps, ...(undo.last ?? [])])
        if (!stepKindOf(step).staysOnRollBack) await attempt(resource.kind, step, host, failures);
      expect({ tried, failures }).toEqual({ tried: [], failures: [] });
      expect(machine.snapshot()).toEqual(before);
    },
  );
});
