// A dockerd for the fake host: it reads daemon.json when it is told to, and says what it has read.
import type { Daemon } from '../../src/dockerd/types.ts';
import type { FakeHost } from './fake-host.ts';

export const DAEMON: Daemon = {
  config: '/etc/docker/daemon.json',
  certs: '/etc/docker/certs.d',
  unit: 'docker',
  uid: 0,
};

export interface FakeDaemon {
  /** It takes no change from now on, as when a flag is in its way. */
  deaf: boolean;
  reloads: number;
  restarts: number;
  insecure(): string[];
}

/** As dockerd does it: a key that is gone changes nothing, a file that is broken changes nothing. (moby daemon/reload.go) */
export function runDockerd(host: FakeHost): FakeDaemon {
  let lists: { [key: string]: string[] | undefined } = {};
  const daemon: FakeDaemon = {
    deaf: false,
    reloads: 0,
    restarts: 0,
    insecure: () => lists['insecure-registries'] ?? [],
  };
  const read = (start: boolean) => {
    const text = host.text(DAEMON.config);
    if (start) lists = {};
    if (text === undefined || daemon.deaf) return;
    try {
      lists = { ...lists, ...JSON.parse(text.replace(/^\ufeff/, '') || '{}') };
    } catch {
      // It only says so in its log.
    }
  };
  read(true);
  const { run } = host;
  const good = (stdout = '') => ({ code: 0, stdout, stderr: '' });
  host.run = async (command, args, options) => {
    const line = [command, ...args].join(' ');
    if (line === 'systemctl reload docker') {
      daemon.reloads++;
      read(false);
      return good();
    }
    if (line === 'systemctl restart docker') {
      daemon.restarts++;
      read(true);
      return good();
    }
    if (/^(systemctl (daemon-reload|reset-failed|show)|dockerd --validate|journalctl)/.test(line))
      return good();
    if (!line.startsWith('docker info')) return run(command, args, options);
    const indexes = daemon.insecure().map((Name) => [Name, { Name, Secure: false }]);
    const RegistryConfig = {
      IndexConfigs: Object.fromEntries(indexes),
      InsecureRegistryCIDRs: ['127.0.0.0/8'],
      Mirrors: (lists['registry-mirrors'] ?? []).map((url) => `${url}/`),
    };
    return good(JSON.stringify({ ServerVersion: '26.1.5', RegistryConfig }));
  };
  return daemon;
}
