// Deletes tags and manifests, after it has asked the registry what it can do.
import { randomBytes } from 'node:crypto';
import { CliError } from '../errors.ts';
import { codesOf, Refused } from '../registry/contents.ts';
import type { Session } from '../registry/session.ts';
import type { Progress } from './inventory.ts';
import { eachOf } from './lanes.ts';
import type { Abilities, Removal } from './removal.ts';

/**
 * Asks a registry what it can delete, by a tag that nobody has: registry 3 says that there is none, registry 2 that it is no digest.
 * @throws CliError if deletion is switched off (exit 2), or if this login may not delete
 */
export async function abilitiesOf(session: Session, repository: string): Promise<Abilities> {
  const tag = `no-such-tag-${randomBytes(8).toString('hex')}`;
  const reply = await session.request('DELETE', `/v2/${repository}/manifests/${tag}`);
  if (reply.status === 405)
    throw new CliError(`${session.name} deletes nothing: deletion is switched off there.`, {
      fix: 'On the server, leave --no-delete out:   registry-setup --yes --delete',
      exitCode: 2,
    });
  if (reply.status === 401 || reply.status === 403)
    throw new CliError(`This login may not delete images of ${repository}.`, {
      fix: [
        'With the login of an administrator:   --user NAME --password-file FILE',
        'Or on the server itself, without a login.',
      ],
      exitCode: 2,
    });
  if (reply.status === 400 && codesOf(reply).includes('DIGEST_INVALID')) return { untag: false };
  if (reply.status === 404 || reply.status === 202) return { untag: true };
  throw new Refused(session, 'delete', reply);
}

/** Deletes what a removal says. Another's delete of the same is no failure. @throws Refused; as ask */
export async function carryOutRemoval(
  session: Session,
  { repository, manifests, untag }: Pick<Removal, 'repository' | 'manifests' | 'untag'>,
  told: Progress = () => {},
): Promise<void> {
  const remove = async (reference: string) => {
    const reply = await session.request('DELETE', `/v2/${repository}/manifests/${reference}`);
    if (reply.status !== 202 && reply.status !== 404)
      throw new Refused(session, `delete ${repository}:${reference}`, reply);
  };
  let done = 0;
  const all = manifests.length + untag.length;
  await eachOf(untag, async (tag) => {
    await remove(tag);
    told(++done, all);
  });
  // An index goes before its parts: whoever pulls it in between gets all of it, or nothing.
  const [tops, parts] = [
    manifests.filter(({ kind }) => kind === 'index'),
    manifests.filter(({ kind }) => kind !== 'index'),
  ];
  for (const group of [tops, parts])
    await eachOf(group, async ({ digest }) => {
      await remove(digest);
      told(++done, all);
    });
}
