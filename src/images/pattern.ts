// What names images: `team/app:1.0`, `team/app@sha256:…`, `team/app`, and patterns: `team/*:pr-*`.
import { InputError } from '../errors.ts';
import { isDigest, isRepository, isTag } from '../registry/names.ts';

export interface Reference {
  /** As the user wrote it. */
  text: string;
  repository: string;
  tag?: string;
  digest?: string;
}

/** Tells whether a word is a pattern, and not the name of one thing. */
export const isPattern = (word: string): boolean => /[*?]/.test(word);

/** Splits `REPOSITORY[:TAG][@DIGEST]`. Leaves out the registry's own name, which image names on a client begin with. */
function split(word: string, registry: string): Reference {
  const text = word;
  const rest = word.startsWith(`${registry}/`) ? word.slice(registry.length + 1) : word;
  const [, before = rest, digest] = /^(.*?)@(.*)$/s.exec(rest) ?? [];
  const [, repository = before, tag] = /^(.*):([^/]*)$/s.exec(before) ?? [];
  return { text, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/**
 * Reads the name of one image or repository.
 * @param registry the name of the registry, as in an image's name
 * @throws InputError that says what a name looks like
 */
export function readReference(word: string, registry: string): Reference {
  const reference = split(word, registry);
  const { repository, tag, digest } = reference;
  const fail = (message: string, fix?: string) => new InputError([{ where: word, message, fix }]);
  if (digest !== undefined && !isDigest(digest))
    throw fail(
      `"${digest}" is no digest: sha256: and 64 characters of 0-9 and a-f`,
      `${repository}@sha256:…`,
    );
  if (!isRepository(repository)) {
    const small = repository.toLowerCase();
    const [first = ''] = repository.split('/');
    if (/^[a-z0-9.-]+:\d+$/.test(first) && repository.includes('/'))
      throw fail(`${first} is another registry than ${registry}`, `--host ${first}`);
    throw fail(
      `"${repository}" is no name of a repository: small letters, digits, and . _ - / between them`,
      small !== repository && isRepository(small) ? word.replace(repository, small) : undefined,
    );
  }
  if (tag !== undefined && !isTag(tag))
    throw fail(`"${tag}" is no tag: at most 128 letters, digits, and . _ -`, `${repository}:latest`);
  return reference;
}

const escaped = (text: string) => text.replace(/[.+^${}()|[\]\\]/g, '\\$&');
/** `*` stands for anything, a slash, too: `team/*` is all below team, as for --reader. `?` stands for one character. */
const glob = (pattern: string): RegExp =>
  new RegExp(`^${escaped(pattern).replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');

export interface Pattern {
  text: string;
  repository(name: string): boolean;
  /** Every tag, if the pattern has none. */
  tag(name: string): boolean;
  hasTag: boolean;
}

/** Reads a pattern for repositories and, behind a colon, for tags; a word without `*` is that one name. */
export function readPattern(word: string, registry: string): Pattern {
  const { repository, tag, digest } = split(word, registry);
  if (digest !== undefined)
    throw new InputError([{ where: word, message: 'a digest names one image, and fits in no pattern' }]);
  if (repository === '')
    throw new InputError([
      { where: word, message: 'the pattern for the repository is empty', fix: `*:${tag ?? '*'}` },
    ]);
  const [ofRepository, ofTag] = [glob(repository), tag === undefined ? undefined : glob(tag)];
  return {
    text: word,
    repository: (name) => ofRepository.test(name),
    tag: (name) => ofTag?.test(name) ?? true,
    hasTag: tag !== undefined,
  };
}

/** Reads patterns for tags alone: `v*`. */
export function readTagPatterns(words: string[]): (tag: string) => boolean {
  const all = words.map(glob);
  return (tag) => all.some((one) => one.test(tag));
}
