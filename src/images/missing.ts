// Says which image is not there, and what the user probably meant.
import { CliError } from '../errors.ts';
import { tagsOf } from '../registry/contents.ts';
import type { Session } from '../registry/session.ts';
import { nearest } from '../settings/nearest.ts';
import { commandLine } from '../terminal/command.ts';
import { readerOf } from './contents.ts';
import { repositoriesOf } from './inventory.ts';
import type { Reference } from './pattern.ts';

/** Returns the error for an image that a registry does not hold; names the nearest tag or repository. */
export async function missingImage(
  session: Session,
  { repository, tag, digest }: Reference,
  exitCode: 1 | 2 = 1,
): Promise<CliError> {
  const tags = await tagsOf(session, repository).catch(() => []);
  if (digest)
    return new CliError(`${session.name} holds no ${repository}@${digest}.`, {
      fix: commandLine(`image list ${repository}`),
      exitCode,
    });
  if (tags.length > 0) {
    const wanted = tag ?? 'latest';
    const near = nearest(wanted, tags) ?? (tag === undefined ? tags.at(-1) : undefined);
    return new CliError(`${repository} has no tag ${wanted}.`, {
      fix: near
        ? `Did you mean ${repository}:${near}?   All of them: ${commandLine(`image list ${repository}`)}`
        : commandLine(`image list ${repository}`),
      exitCode,
    });
  }
  // A login that may not list everything gets no advice.
  const all = await repositoriesOf(readerOf(session)).catch(() => []);
  const near = nearest(repository, all);
  return new CliError(`${session.name} has no repository ${repository}.`, {
    fix: near
      ? `Did you mean ${near}?   ${commandLine(`image list ${near}`)}`
      : `All of them:   ${commandLine('image list')}`,
    exitCode,
  });
}
