// Docker as a package and a service of a fake host: installed or not, running or not. Its state is in files, so that a snapshot sees it.
import type { RunResult } from '../../src/host/host.ts';
import type { FakeHost } from './fake-host.ts';

const UNITS = ['docker.socket', 'docker.service', 'containerd.service'];
export const NO_DAEMON =
  'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?';

export interface EngineState {
  installed: boolean;
  active?: boolean;
  enabled?: boolean;
  /** A package that starts nothing, as on Fedora. */
  quiet?: true;
}

/** A Debian with systemd whose Docker is in that state; gives what was run, in order. */
export function fakeEngine(host: FakeHost, state: EngineState): string[] {
  const heard: string[] = [];
  const { run } = host;
  const is = (name: string) => host.text(`/var/lib/fake/${name}`) === 'yes';
  const set = (name: string, value: boolean) => host.put(`/var/lib/fake/${name}`, value ? 'yes' : 'no');
  const setAll = (word: string, value: boolean) => {
    for (const unit of UNITS) set(`${unit}-${word}`, value);
  };
  set('docker', state.installed);
  setAll('active', state.active ?? false);
  setAll('enabled', state.enabled ?? false);
  host.put('/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  host.put('/usr/bin/apt-get', '', 0o755);
  host.put('/run/systemd/system/.keep', '');
  host.put('/etc/systemd/system/.keep', '');
  const said = (stdout = '', code = 0, stderr = ''): RunResult => ({ code, stdout, stderr });

  function docker(args: string[]): RunResult | undefined {
    if (!is('docker')) return said('', 127, 'docker: not found');
    if (!is('docker.service-active')) return said('', 1, NO_DAEMON);
    if (args[0] === 'version' || args[0] === 'volume') return said();
    if (args[0] === 'images') return said(Object.keys(host.docker.images).join('\n'));
    if (args[0] !== 'ps' || args[1] !== '-a') return undefined;
    const lines = host.docker.containers.map(
      ({ name, labels }) => `${labels['registry-setup.dir'] ?? ''}\t${name}`,
    );
    return said(lines.join('\n'));
  }
  function systemctl(words: string[]): RunResult | undefined {
    const [word = '', unit = ''] = words.filter((arg) => !arg.startsWith('-'));
    if (!UNITS.includes(unit)) return said();
    if (word === 'is-active') return said('', is(`${unit}-active`) ? 0 : 3);
    if (word === 'is-enabled') return said('', is(`${unit}-enabled`) ? 0 : 1);
    // What is started brings the others along.
    if (word === 'start') setAll('active', true);
    if (word === 'stop') set(`${unit}-active`, false);
    if (word === 'enable') set(`${unit}-enabled`, true);
    if (word === 'disable') set(`${unit}-enabled`, false);
    return said();
  }
  function packages(args: string[]): RunResult {
    if (args.includes('install')) {
      set('docker', true);
      if (!state.quiet) for (const word of ['active', 'enabled']) setAll(word, true);
    }
    if (args.includes('purge') && !args.includes('-s')) {
      set('docker', false);
      for (const word of ['active', 'enabled']) setAll(word, false);
    }
    return said();
  }

  host.run = async (command, args, options) => {
    heard.push([command, ...args].join(' '));
    const known: Record<string, () => RunResult | undefined> = {
      docker: () => docker(args),
      dockerd: () => said('', is('docker') || is('other-dockerd') ? 0 : 127),
      systemctl: () => systemctl(args),
      'apt-get': () => packages(args),
      'apt-cache': () => said('docker.io:\n  Installed: (none)\n  Candidate: 26.1.5+dfsg1-9\n'),
      dpkg: () =>
        args[0] === '--audit'
          ? said()
          : args[1] === 'docker.io' && is('docker')
            ? said('Status: install ok installed\n')
            : said('', 1),
      'dpkg-query': () => said('libc6\n'),
      ip: () => said(),
      groupdel: () => said(),
      pgrep: () => said('', 1),
    };
    return known[command]?.() ?? run(command, args, options);
  };
  return heard;
}
