// A system user for one service: no login, no home, its own group.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, WHEN_OVER } from './provider.ts';

/** A system user and its group; both have this name. */
export interface AccountResource {
  kind: 'account';
  name: string;
}

type AccountStep = { do: 'account'; name: string };

/** Returns uid and gid from /etc/passwd, which lists every user that the set-up adds; undefined if there is no such user. */
export async function userIds(host: Host, name: string): Promise<{ uid: number; gid: number } | undefined> {
  const lines = (await host.read('/etc/passwd'))?.toString().split('\n') ?? [];
  const [, , uid, gid] = lines.map((line) => line.split(':')).find(([user]) => user === name) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** Returns the gid of a group; undefined if there is no such group. */
export async function groupId(host: Host, name: string): Promise<number | undefined> {
  const lines = (await host.read('/etc/group'))?.toString().split('\n') ?? [];
  const [, , gid] = lines.map((line) => line.split(':')).find(([group]) => group === name) ?? [];
  return gid === undefined ? undefined : Number(gid);
}

/** Options for useradd(8) of shadow; adduser of busybox replaces it if it is missing (Alpine). */
const SHADOW = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent'];
const useradd = (name: string) => [...SHADOW, '--shell', '/usr/sbin/nologin', name];

export const account: Provider<AccountResource, AccountStep> = {
  title: ({ name }) => `user ${name}`,
  id: ({ name }) => name,
  removed: (name) => `user ${name}`,
  review: (changes) => changes.map(({ title }) => `add the ${title}`),

  async check({ name }, host) {
    if (await userIds(host, name)) return undefined;
    return { what: 'create', details: [shellLine('useradd', useradd(name))] };
  },

  async undo({ name }, host) {
    return { steps: (await userIds(host, name)) ? [] : [{ do: 'account', name }] };
  },

  async apply({ name }, host) {
    if (await userIds(host, name)) return;
    let said = await host.run('useradd', useradd(name));
    if (said.code === 127) {
      await host.run('addgroup', ['-S', name]);
      said = await host.run('adduser', ['-S', '-D', '-H', '-h', '/nonexistent', '-G', name, name]);
    }
    if (said.code !== 0)
      throw new CliError(`The user ${name} could not be created.`, { why: said.stderr.trim() });
  },

  steps: {
    account: {
      perform: removeAccount,
      isLeft: async ({ name }, host) => (await userIds(host, name)) !== undefined,
      ...WHEN_OVER,
      words: ({ name }) => `userdel ${name}`,
    },
  },
};

async function removeAccount({ name }: AccountStep, host: Host): Promise<void> {
  if (!(await userIds(host, name))) return;
  let said = await host.run('userdel', [name]);
  if (said.code === 127) said = await host.run('deluser', [name]);
  if (said.code !== 0)
    throw new CliError(`The user ${name} could not be removed.`, { why: said.stderr.trim() });
}
