// Whose the images are. A registry in a container is root there; one of the system has a user of its own.
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { userIds } from './account.ts';
import type { Provider, ResourceOf } from './resource.ts';
import type { UndoStep } from './undo.ts';

type Step = UndoStep & { do: 'owner' };

const LIMIT = 30 * 60_000;
/** The one directory that a registry makes in its storage. What else may lie there is somebody else's. */
const OURS = 'docker';

async function give(host: Host, path: string, uid: number, gid: number): Promise<void> {
  const there = await host.stat(path);
  if (!there) return;
  await host.chmod(path, there.mode, { uid, gid });
  if (!(await host.stat(join(path, OURS)))) return;
  const words = ['-R', '-h', `${uid}:${gid}`, join(path, OURS)];
  const { code, stderr } = await host.run('chown', words, { timeout: LIMIT });
  if (code !== 0) throw new CliError(`The images in ${path} keep their owner.`, { why: stderr.trim() });
}

export const owner: Provider<ResourceOf<'owner'>> = {
  title: ({ path, user }) => `user ${user} owns ${path}`,

  async check({ path, user }, host) {
    const [there, ids] = await Promise.all([host.stat(path), userIds(host, user)]);
    if (there && ids && there.uid === ids.uid) return undefined;
    return { what: 'create', details: [`chown ${user}: ${path}`, `chown -R ${user}: ${join(path, OURS)}`] };
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
};

export const undoOwner = ({ path, uid, gid }: Step, host: Host): Promise<void> => give(host, path, uid, gid);

export async function ownerLeft({ path, uid }: Step, host: Host): Promise<boolean> {
  const there = await host.stat(path);
  return there !== undefined && there.uid !== uid;
}
