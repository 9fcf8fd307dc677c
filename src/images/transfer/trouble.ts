// Says in the user's words why a registry does not give an image, or does not take it.
import { CliError } from '../../errors.ts';
import { Refused } from '../../registry/contents.ts';
import type { Session } from '../../registry/session.ts';

const HUB = 'docker.io';
const logIn = (name: string) => `Log in:   docker login${name === HUB ? '' : ` ${name}`}`;

/** Does what reads from a registry. @throws CliError in the user's words */
export async function reading<T>({ name }: Session, repository: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { status, why } = error;
    if (status === 429)
      throw new CliError(`${name} has had too many requests from here.`, {
        why,
        fix: [`More are allowed to who is logged in. ${logIn(name)}`, 'Or wait for some hours.'],
      });
    if (status === 401 || status === 403)
      throw new CliError(`${name} does not show ${repository}: it is not there, or needs another login.`, {
        why,
        fix: logIn(name),
      });
    throw error;
  }
}

/** Does what writes to a registry. @throws CliError in the user's words */
export async function writing<T>({ name }: Session, repository: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { status, why } = error;
    if (status === 401 || status === 403)
      throw new CliError(`This login may not push to ${repository} in ${name}.`, { why, fix: logIn(name) });
    if (status === 405)
      throw new CliError(`${name} takes no images now.`, {
        why,
        fix: 'It collects garbage, and takes some again in a minute; or it is a cache, and never takes any.',
      });
    if (status === 413)
      throw new CliError(`Something in front of ${name} takes nothing that is so large.`, {
        why,
        fix: 'A proxy has a limit: in nginx, client_max_body_size 0;',
      });
    throw error;
  }
}
