// What a registry holds, over HTTP: the names of its repositories, their tags, their manifests. (distribution-spec, "Content Discovery")
import { CliError } from '../errors.ts';
import { visible } from '../terminal/visible.ts';
import { digest, refusal } from './api.ts';
import type { Reply } from './http.ts';
import { isRepository, isTag } from './names.ts';
import type { Session } from './session.ts';

/** The registry refused a request. */
export class Refused extends CliError {
  readonly status: number;
  /** The codes of its errors: `MANIFEST_UNKNOWN`. (distribution-spec, "Error Codes") */
  readonly codes: string[];

  constructor(session: Session, doing: string, reply: Reply) {
    super(`${session.name} refuses to ${doing}.`, { why: refusal(reply) });
    this.status = reply.status;
    this.codes = codesOf(reply);
  }
}

/** Returns the codes of the errors in a reply; none if it holds something else. */
export function codesOf({ body }: Pick<Reply, 'body'>): string[] {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: unknown }[] };
    return Array.isArray(errors) ? errors.map(({ code }) => String(code)) : [];
  } catch {
    return [];
  }
}

/** The most names of one page: what a registry allows unless its configuration says otherwise. (`catalog.maxentries`) */
const PAGE = 1_000;

/** The most bytes of one list: millions of names. A page counts with 1 000 more, so that small ones end, too. */
const MOST = 128 * 1024 * 1024;

/** What is listed. */
interface List {
  path: string;
  /** The name of the list in each page. */
  key: string;
  /** What a name looks like. Others are left out: nothing can be asked by them, and a terminal may act on them. */
  valid(name: string): boolean;
  doing: string;
}

/** Reads a list page by page. @throws Refused; CliError if it is no list, or never ends; as ask */
async function* pages(session: Session, wanted: List): AsyncGenerator<string[]> {
  const { path, valid, doing } = wanted;
  let next: string | undefined = `${path}?n=${PAGE}`;
  let last = '';
  let read = 0;
  while (next) {
    let reply: Reply = await session.request('GET', next);
    // The registry allows fewer at a time; without a number it decides.
    if (reply.status === 400 && codesOf(reply).includes('PAGINATION_NUMBER_INVALID'))
      reply = await session.request('GET', `${path}${last && `?last=${encodeURIComponent(last)}`}`);
    if (reply.status === 404) return;
    if (reply.status !== 200) throw new Refused(session, doing, reply);
    const names = namesIn(session, reply, wanted);
    read += reply.body.length + 1_000;
    if (read > MOST)
      throw new CliError(`${session.name} does not come to an end when it is asked to ${doing}.`);
    const known = names.filter(valid);
    if (known.length > 0) yield known;
    const link = /<([^>]+)>;\s*rel="?next/.exec(String(reply.headers.link ?? ''))?.[1];
    // A page that ends where the one before ended would go on for ever.
    const end = names.at(-1) ?? '';
    next = link && end > last ? pathOf(link, path) : undefined;
    last = end;
  }
}

/** Returns the path of a link to the next page, which may be relative or a whole address; undefined if it leads elsewhere. */
function pathOf(link: string, path: string): string | undefined {
  if (!URL.canParse(link, 'http://registry')) return undefined;
  const { pathname, search } = new URL(link, `http://registry${path}`);
  return pathname.endsWith(path) ? `${path}${search}` : undefined;
}

/** Returns the names in a page. @throws CliError if it is no such page: an empty list would let what is there be taken for gone */
function namesIn(session: Session, { body }: Reply, { key, doing }: List): string[] {
  try {
    const list = (JSON.parse(body.toString()) as Record<string, unknown>)[key] ?? [];
    if (Array.isArray(list)) return list.filter((name): name is string => typeof name === 'string');
  } catch {
    // Told below.
  }
  throw new CliError(`${session.name} answers something that is no list when it is asked to ${doing}.`, {
    why: visible(body.subarray(0, 100).toString().replace(/\s+/g, ' ')),
  });
}

/** Returns the names of the repositories, page by page. @throws Refused; as ask */
export const repositoryPages = (session: Session): AsyncGenerator<string[]> =>
  pages(session, {
    path: '/v2/_catalog',
    key: 'repositories',
    valid: isRepository,
    doing: 'list its repositories',
  });

/** Returns the tags of a repository; none if it does not exist. @throws Refused; as ask */
export async function tagsOf(session: Session, repository: string): Promise<string[]> {
  const all = new Set<string>();
  const path = `/v2/${repository}/tags/list`;
  const list = { path, key: 'tags', valid: isTag, doing: `list the tags of ${repository}` };
  for await (const names of pages(session, list)) for (const name of names) all.add(name);
  return [...all];
}

/** Every kind of manifest. A registry that is not asked for a kind converts an index to the manifest of one platform, or refuses. */
const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  // Schema 1, signed and not: registry 2 may still hold some.
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  'application/vnd.docker.distribution.manifest.v1+json',
  '*/*',
].join(', ');

export interface RawManifest {
  /** Computed from the bytes: a registry's word is not enough to delete by. That of a schema 1 manifest is the registry's word. */
  digest: string;
  type: string;
  body: Buffer;
}

/** Tells whether bytes are a manifest of schema 1: its kind is the registry's word, too, and is not enough. */
function isSchema1(type: string, body: Buffer): boolean {
  if (!/^application\/vnd\.docker\.distribution\.manifest\.v1\+/.test(type)) return false;
  try {
    return (JSON.parse(body.toString()) as { schemaVersion?: unknown } | null)?.schemaVersion === 1;
  } catch {
    return false;
  }
}

/**
 * Returns a manifest; undefined if there is none.
 * @param reference a tag or a digest
 * @throws Refused; CliError if its bytes are not those of the digest; as ask
 */
export async function manifestOf(
  session: Session,
  repository: string,
  reference: string,
): Promise<RawManifest | undefined> {
  const path = `/v2/${repository}/manifests/${reference}`;
  const reply = await session.request('GET', path, { headers: { accept: MANIFESTS } });
  if (reply.status === 404) return undefined;
  if (reply.status !== 200) throw new Refused(session, `show ${repository}:${reference}`, reply);
  const type = String(reply.headers['content-type'] ?? '').split(';')[0] ?? '';
  const said = String(reply.headers['docker-content-digest'] ?? '');
  // The digest of a signed manifest leaves out its signatures.
  const algorithm = reference.startsWith('sha512:') ? 'sha512' : 'sha256';
  const own = said && isSchema1(type, reply.body) ? said : digest(reply.body, algorithm);
  if (reference.includes(':') && own !== reference)
    throw new CliError(`${session.name} sends other bytes than those of ${repository}@${reference}.`, {
      why: `Their digest is ${own}: the storage is damaged, or something on the way changes them.`,
    });
  return { digest: own, type, body: reply.body };
}
