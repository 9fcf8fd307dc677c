// Opens the registries that a copy is between: that of this machine or of --host, and every other by its name.
import type { Context } from '../../context.ts';
import { CliError, InputError } from '../../errors.ts';
import { DOCKER_HUB, type ImageName, type NamedRegistry, onDockerHub, shortName } from '../../images/name.ts';
import { reading } from '../../images/transfer/trouble.ts';
import { type Document, documentIn } from '../../images/transfer/whole.ts';
import { proxyFor } from '../../registry/no-proxy.ts';
import type { Session } from '../../registry/session.ts';
import { settingsHere } from '../../server/existing.ts';
import { type Address, nameOf } from '../../settings/address.ts';
import { commandLine } from '../../terminal/command.ts';
import { addressOf, loginOf, withRegistry } from './registry.ts';
import { foundImage } from './transfer.ts';

/** An image in a registry that is open. */
export interface OpenImage {
  session: Session;
  repository: string;
  tag: string | undefined;
  digest: string | undefined;
}

export interface Ends {
  source: OpenImage;
  target: OpenImage;
  /** What was taken for a source without a registry, if that is not plain. */
  taken: 'here' | 'hub' | undefined;
  /** The manifest of the source. */
  top: Document;
}

/**
 * Opens both ends of a copy, does the work, and closes them.
 * A target without a registry is in the registry of this machine, or in that of --host. So is a source without one if that registry
 * holds it; else it is on Docker Hub, as for docker.
 * @throws CliError if the source is not there; as withRegistry
 */
export async function withEnds<T>(
  context: Context,
  source: ImageName,
  target: ImageName,
  work: (ends: Ends) => Promise<T>,
): Promise<T> {
  const named = [source.registry, target.registry];
  const own = await ownAddress(context);
  const isChosen = (registry: NamedRegistry | undefined) =>
    !registry || (own !== undefined && isAt(registry, nameOf(own)));
  if (!named.some(isChosen)) return between(context, undefined, source, target, work);
  try {
    return await withRegistry(context, ({ session }) => between(context, session, source, target, work));
  } catch (error) {
    // Where no registry is, a source without one can only be on Docker Hub.
    if (!target.registry || !(error instanceof CliError) || error.code !== 'no registry') throw error;
    return between(context, undefined, source, target, work);
  }
}

/** Returns the address of the registry of --host, or of this machine; undefined if there is none, or if it cannot be read. */
async function ownAddress(context: Context): Promise<Address | undefined> {
  if (context.answers.host) return addressOf(context);
  return settingsHere(context).catch(() => undefined);
}

const isAt = ({ host, port, name }: NamedRegistry, other: string): boolean =>
  other === name || other === `${host}:${port}`;

async function between<T>(
  context: Context,
  chosen: Session | undefined,
  source: ImageName,
  target: ImageName,
  work: (ends: Ends) => Promise<T>,
): Promise<T> {
  const opened = new Map<string, Session>();
  const open = async (registry: NamedRegistry | undefined): Promise<Session> => {
    if (chosen && (!registry || isAt(registry, chosen.name))) return chosen;
    if (!registry) throw new Error('a name without a registry, and none was chosen');
    const session =
      opened.get(registry.name) ?? (await openNamed(context, registry, others(chosen, source, target)));
    opened.set(registry.name, session);
    return session;
  };
  const at = (session: Session, { repository, tag, digest }: ImageName): OpenImage => ({
    session,
    repository,
    tag,
    digest,
  });
  try {
    const to = at(await open(target.registry), target);
    const where = source.registry ? undefined : await placeOf(source, to, chosen);
    const from = where === 'hub' ? inHub(source) : source;
    const find = async () => {
      const found = at(await open(from.registry), from);
      const list = found.session === chosen ? undefined : listOf(from.registry);
      return { source: found, top: await foundImage(found.session, found, list) };
    };
    const found = await find().catch((error) => {
      throw where === 'hub' ? elsewhere(error, source, chosen) : error;
    });
    return await work({ ...found, target: to, taken: where });
  } finally {
    for (const session of opened.values()) session.close();
  }
}

/** Docker Hub lists nothing. */
const listOf = (registry: NamedRegistry | undefined): string =>
  !registry || registry === DOCKER_HUB
    ? ''
    : commandLine(`image list --host ${registry.scheme ? `${registry.scheme}://` : ''}${registry.name}`);

const inHub = (source: ImageName): ImageName => ({
  ...source,
  repository: onDockerHub(source.repository),
  registry: DOCKER_HUB,
});

/** Decides where a source without a registry is. */
async function placeOf(
  source: ImageName,
  target: OpenImage,
  chosen: Session | undefined,
): Promise<'here' | 'hub'> {
  if (!chosen) return 'hub';
  // It is not copied onto itself.
  if (
    target.session === chosen &&
    source.repository === target.repository &&
    !source.digest &&
    (source.tag ?? 'latest') === (target.tag ?? 'latest')
  )
    return 'hub';
  const found = await reading(chosen, source.repository, () =>
    documentIn(chosen, source.repository, source.digest ?? source.tag ?? 'latest'),
  );
  return found ? 'here' : 'hub';
}

function elsewhere(error: unknown, source: ImageName, chosen: Session | undefined): unknown {
  if (!(error instanceof CliError) || !chosen) return error;
  return new CliError(error.message, {
    why: error.why,
    fix: [
      ...error.fix,
      `${chosen.name} does not hold ${shortName(source)}, so it was looked for on Docker Hub.`,
      'If it is in another registry, write that before the name:   HOST/…',
    ],
    exitCode: error.exitCode,
  });
}

/** Returns how many registries are named beside the chosen one. */
const others = (chosen: Session | undefined, ...names: ImageName[]): number =>
  new Set(
    names.flatMap(({ registry }) =>
      registry && !(chosen && isAt(registry, chosen.name)) ? [registry.name] : [],
    ),
  ).size;

/** Opens a registry by its name. The login of --user is for that of --host; without it, for the only other one. */
async function openNamed(context: Context, registry: NamedRegistry, count: number): Promise<Session> {
  const { host, env, signal, answers } = context;
  const { openRemote } = await import('../../images/remote.ts');
  if (answers.user && !answers.host && count > 1)
    throw new InputError([
      {
        where: answers.user.where,
        message: 'there are two registries, and it is not said which one the login is for',
        fix: `docker login ${registry.name}`,
      },
    ]);
  const credentials = answers.host ? undefined : await loginOf(context, registry, registry.name);
  const proxy = proxyFor(env, registry.host, registry.port);
  return openRemote({ ...registry, proxy, ...(credentials && { credentials }) }, host, env, signal);
}
