// A machine that can be read and not changed: its disk is full or read-only, its daemons refuse everything.
import { CliError } from '../../src/errors.ts';
import type { Host } from '../../src/host/host.ts';
import type { FakeHost } from './fake-host.ts';

/** Commands that only ask. */
const ASKS = [
  /^(docker|podman) (info|version|ps|images|logs|(container |image |network )?inspect)\b/,
  /^systemctl (--user )?(is-active|is-enabled|show)\b/,
  /^(dpkg -s|dpkg --audit|dpkg-query|pgrep|getent|dockerd --(version|validate)|apt-get purge -s|ufw status)\b/,
  /^firewall-cmd .*--(state|get-[\w-]+|list-all|query-port)\b/,
  /^\S+\/registry --version$/,
];

/** @returns the machine, and what was tried on it */
export function refusing(host: FakeHost): { host: Host; tried: string[] } {
  const tried: string[] = [];
  const refuse = (what: string): never => {
    tried.push(what);
    throw new CliError(`Cannot ${what}: the file system is read-only.`);
  };
  /** What does nothing to a path that does not exist. */
  const unlessNone = (what: string) => async (path: string) =>
    (await host.stat(path)) ? refuse(`${what} ${path}`) : undefined;
  return {
    tried,
    host: {
      ...host,
      run: async (command, args, options) => {
        const line = [command, ...args].join(' ');
        if (ASKS.some((ask) => ask.test(line))) return host.run(command, args, options);
        tried.push(line);
        return { code: 1, stdout: '', stderr: 'refused' };
      },
      write: async (path) => refuse(`write ${path}`),
      append: async (path) => refuse(`write ${path}`),
      create: async (path) => refuse(`write ${path}`),
      save: async (path) => refuse(`write ${path}`),
      mkdir: async (path) => refuse(`make ${path}`),
      chmod: async (path) => refuse(`change the mode of ${path}`),
      rename: async (path) => refuse(`move ${path}`),
      remove: unlessNone('remove'),
      removeTree: unlessNone('remove'),
      rmdir: async (path) => {
        if (!(await host.stat(path))) return true;
        tried.push(`remove ${path}`);
        return false;
      },
      inside: () => {
        throw new Error('no kind of resource looks inside a storage');
      },
    },
  };
}
