// Says which image is not there, and what the user probably meant.
import { CliError } from '../errors.ts';
import { tagsOf } from '../registry/contents.ts';
import type { Session } from '../registry/session.ts';
import { nearest } from '../settings/nearest.ts';
import { imageCommand } from '../terminal/command.ts';
import { readerOf } from './contents.ts';
import { repositoriesOf } from './inventory.ts';
import type { Reference } from './pattern.ts';

/**
 * Returns the error for an image that a registry does not hold; names the nearest tag or repository.
 * @param list the command that lists the images of the registry; empty if none can
 */
export async function missingImage(
  session: Session,
  {
    repository,
    tag,
    digest,
  }: Pick<Reference, 'repository'> & Partial<Record<'tag' | 'digest', string | undefined>>,
  exitCode: 1 | 2 = 1,
  list = imageCommand('list'),
): Promise<CliError> {
  const tags = await tagsOf(session, repository).catch((): string[] => []);
  const of = (name: string) => (list ? [list.replace('image list', `image list ${name}`)] : []);
  if (digest)
    return new CliError(`${session.name} holds no ${repository}@${digest}.`, {
      fix: of(repository),
      exitCode,
    });
  if (tags.length > 0) {
    const wanted = tag ?? 'latest';
    const near = nearest(wanted, tags) ?? (tag === undefined ? tags.at(-1) : undefined);
    const all = of(repository);
    if (tags.includes(wanted))
      return new CliError(`${repository}:${wanted} leads nowhere: its manifest is gone from the storage.`, {
        fix: ['Push it again under that tag.', ...all],
        exitCode,
      });
    return new CliError(`${repository} has no tag ${wanted}.`, {
      fix: near
        ? [[`Did you mean ${repository}:${near}?`, ...all.map((line) => `All of them: ${line}`)].join('   ')]
        : all,
      exitCode,
    });
  }
  // A login that may not list everything gets no advice.
  const all = await repositoriesOf(readerOf(session)).catch(() => []);
  const near = nearest(repository, all);
  return new CliError(`${session.name} has no repository ${repository}.`, {
    fix: near ? [[`Did you mean ${near}?`, ...of(near)].join('   ')] : list ? [`All of them:   ${list}`] : [],
    exitCode,
  });
}
