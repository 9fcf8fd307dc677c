// A system user for one service: no login, no home, its own group.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, WHEN_OVER } from './provider.ts';

/** A system user and its group; both have this name. */
export interface AccountResource {
  kind: 'account';
  name: string;
  /** Their numbers, if something else names them; by default those that the machine gives. */
  ids?: { uid: number; gid: number };
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
/** With a free number, the group gets the same one. */
const useradd = ({ name, ids }: AccountResource) => [
  ...SHADOW,
  ...(ids ? ['--uid', String(ids.uid)] : []),
  ...['--shell', '/usr/sbin/nologin', name],
];

export const account: Provider<AccountResource, AccountStep> = {
  title: ({ name }) => `user ${name}`,
  id: ({ name }) => name,
  removed: (name) => `user ${name}`,
  review: (changes) => changes.map(({ title }) => `add the ${title}`),

  async check(resource, host) {
    if (await userIds(host, resource.name)) return undefined;
    return { what: 'create', details: [shellLine('useradd', useradd(resource))] };
  },

  async undo({ name }, host) {
    return { steps: (await userIds(host, name)) ? [] : [{ do: 'account', name }] };
  },

  async apply(resource, host) {
    const { name, ids } = resource;
    if (await userIds(host, name)) return;
    let said = await host.run('useradd', useradd(resource));
    if (said.code === 127) {
      const number = (flag: string) => (ids ? [flag, String(ids.uid)] : []);
      await host.run('addgroup', ['-S', ...number('-g'), name]);
      said = await host.run('adduser', [
        ...['-S', '-D', '-H', '-h', '/nonexistent'],
        ...number('-u'),
        ...['-G', name, name],
      ]);
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
