// The owner of the images. A registry in a container runs as root there; one on the machine itself has its own user.
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { shellLine } from '../terminal/shell.ts';
import { userIds } from './account.ts';
import type { Provider } from './provider.ts';

/** The owner of a storage directory, and of what a registry stores in it. */
export interface OwnerResource {
  kind: 'owner';
  path: string;
  user: string;
}

type OwnerStep = { do: 'owner'; path: string; uid: number; gid: number };

const LIMIT = 30 * 60_000;
/** The one directory that a registry makes in its storage. Anything else there belongs to others. */
const OURS = 'docker';

async function giveImages(host: Host, path: string, uid: number, gid: number): Promise<void> {
  if (!(await host.stat(join(path, OURS)))) return;
  const words = ['-R', '-h', `${uid}:${gid}`, join(path, OURS)];
  const { code, stderr } = await host.run('chown', words, { timeout: LIMIT });
  if (code !== 0)
    throw new CliError(`The owner of the images in ${path} could not be changed.`, { why: stderr.trim() });
}

/** Gives the directory first and then the images, so that the owner of the directory tells whether anything was given. */
async function give(host: Host, path: string, uid: number, gid: number): Promise<void> {
  const there = await host.stat(path);
  if (!there) return;
  await host.chmod(path, there.mode, { uid, gid });
  await giveImages(host, path, uid, gid);
}

/** Does nothing if the directory was never given, or is back already: it comes last. */
async function giveBack({ path, uid, gid }: OwnerStep, host: Host): Promise<void> {
  const there = await host.stat(path);
  if (!there || (there.uid === uid && there.gid === gid)) return;
  await giveImages(host, path, uid, gid);
  await host.chmod(path, there.mode, { uid, gid });
}

export const owner: Provider<OwnerResource, OwnerStep> = {
  title: ({ path, user }) => `user ${user} owns ${path}`,
  id: ({ path }) => path,
  removed: (path) => `ownership of ${path}`,
  place: ({ path }) => path,

  async check({ path, user }, host) {
    const [there, ids] = await Promise.all([host.stat(path), userIds(host, user)]);
    if (there && ids && there.uid === ids.uid) return undefined;
    return {
      what: 'create',
      details: [
        shellLine('chown', [`${user}:`, path]),
        shellLine('chown', ['-R', `${user}:`, join(path, OURS)]),
      ],
    };
  },

  async undo({ path }, host) {
    const { uid, gid } = (await host.stat(path)) ?? { uid: 0, gid: 0 };
    return { steps: [{ do: 'owner', path, uid, gid }] };
  },

  async apply({ path, user }, host) {
    const ids = await userIds(host, user);
    if (!ids) throw new CliError(`There is no user ${user}.`);
    await give(host, path, ids.uid, ids.gid);
  },

  steps: {
    owner: {
      perform: giveBack,
      async isLeft({ path, uid }, host) {
        const there = await host.stat(path);
        return there !== undefined && there.uid !== uid;
      },
      async inverse(step, host) {
        const { uid, gid } = (await host.stat(step.path)) ?? step;
        return { steps: [{ ...step, uid, gid }] };
      },
      words: ({ path, uid }) => shellLine('chown', ['-R', String(uid), path]),
    },
  },
};
