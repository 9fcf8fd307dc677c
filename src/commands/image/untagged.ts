// Finds and removes manifests that no tag leads to; on the server alone, because the registry has no list of them.
import type { Context } from '../../context.ts';
import { ifCountable, readerOf } from '../../images/contents.ts';
import { carryOutRemoval } from '../../images/delete.ts';
import { eachOf } from '../../images/lanes.ts';
import type { Manifest } from '../../images/manifest.ts';
import { leavesOf } from '../../images/select.ts';
import type { Run } from '../../reconcile/run.ts';
import type { Session } from '../../registry/session.ts';
import { withOwnSession } from '../../server/access.ts';
import { repositoriesOnDisk, revisionsOf } from '../../server/maintenance/storage.ts';
import type { ServerRequest } from '../../server/request.ts';

export interface Untagged {
  repository: string;
  manifests: Manifest[];
}

/** A manifest may be pushed before its tag, and the parts of an index before the index: younger ones are left alone; milliseconds. */
const YOUNG = 3_600_000;

/** Returns what no tag leads to, by repository. Reads through the registry: files name digests, and nothing else of them is believed. */
export async function findUntagged(
  { host }: Context,
  { settings }: ServerRequest,
  session: Session,
): Promise<Untagged[]> {
  const reader = readerOf(session);
  const found: Untagged[] = [];
  for (const repository of await repositoriesOnDisk(host, settings.storage)) {
    const [leaves, revisions] = await Promise.all([
      ifCountable(leavesOf(reader, repository)),
      revisionsOf(host, settings.storage, repository),
    ]);
    // What it leads to is not known: nothing of that repository goes.
    if (!leaves) continue;
    const reached = new Set(leaves.flatMap(({ family }) => family.map(({ digest }) => digest)));
    const before = Date.now() - YOUNG;
    const [young, old] = [
      revisions.filter(({ pushed }) => pushed.getTime() >= before),
      revisions.filter(({ pushed }) => pushed.getTime() < before),
    ];
    // An index that was pushed just now may have parts that have long been here.
    await eachOf(young, async ({ digest }) => {
      const top = await reader.manifest(repository, digest);
      for (const one of top ? await reader.family(repository, top) : []) reached.add(one.digest);
    });
    const manifests: Manifest[] = [];
    await eachOf(
      old.filter(({ digest }) => !reached.has(digest)),
      async ({ digest }) => {
        const found = await reader.manifest(repository, digest);
        if (found) manifests.push(found);
      },
    );
    // What is attached to an image that stays, stays: nothing else leads to a signature.
    const rest = manifests.filter(({ subject }) => subject === undefined || !reached.has(subject));
    if (rest.length > 0) found.push({ repository, manifests: rest });
  }
  return found;
}

export const untaggedHere = (context: Context, request: ServerRequest): Promise<Manifest[]> =>
  withOwnSession(context, request, async (session) =>
    (await findUntagged(context, request, session)).flatMap(({ manifests }) => manifests),
  );

/** Removes what no tag leads to. @param run holds the lock */
export const removeUntagged = (context: Context, request: ServerRequest, run: Run): Promise<void> =>
  withOwnSession(
    context,
    request,
    async (session) => {
      for (const { repository, manifests } of await findUntagged(context, request, session))
        await carryOutRemoval(session, { repository, manifests, untag: [] });
    },
    run,
  );
