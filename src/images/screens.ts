// What a user is shown of images; pure text.
import { bytes, count } from '../terminal/output.ts';
import { tableLines } from '../terminal/table.ts';
import { visible } from '../terminal/visible.ts';
import type { Description } from './contents.ts';
import type { Inventory, Repository, Tagged } from './inventory.ts';
import type { Configuration, Kind, Manifest } from './manifest.ts';
import type { Reference } from './pattern.ts';
import type { RemovalPlan } from './plan.ts';

const DAY = 24 * 3_600_000;

/** Returns how long ago something was: `3 days ago`. Two months is the last that is counted in days. */
export function ago(date: Date | undefined, now: Date): string {
  if (!date) return '-';
  // 1970 is what a build says that wants the same bytes each time. (reproducible-builds.org, SOURCE_DATE_EPOCH)
  if (date.getTime() < DAY * 365) return 'no date';
  const passed = now.getTime() - date.getTime();
  if (passed < -DAY) return 'in the future';
  const units: [number, string][] = [
    [365 * DAY, 'year'],
    [60 * DAY, 'month'],
    [DAY, 'day'],
    [DAY / 24, 'hour'],
    [DAY / 24 / 60, 'minute'],
  ];
  for (const [size, name] of units) {
    if (passed < size) continue;
    const count = Math.floor(passed / (name === 'month' ? 30 * DAY : size));
    return `${count} ${name}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
}

/** Returns `3f2a9c01be77`. */
const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);

/** Returns platforms as a user names them: `amd64 arm64 windows/amd64`. */
const platformText = (platforms: string[]): string =>
  platforms.map((platform) => platform.replace(/^linux\//, '')).join(' ');

/** What stands in place of platforms for what is no image. */
const KINDS: Partial<Record<Kind, string>> = { 'schema 1': 'schema 1', other: 'no image' };

const kindText = ({ manifest, description }: Tagged): string =>
  platformText(description?.platforms ?? []) || (manifest && KINDS[manifest.kind]) || '-';

function cells(
  { tag, manifest, description }: Tagged,
  digestOf: (digest: string) => string,
  now: Date,
): string[] {
  if (!manifest) return [tag, 'missing', '-', '-', '-'];
  if (!description) return [tag, digestOf(manifest.digest), '-', 'too many parts', '-'];
  const tagged = { tag, manifest, description };
  return [
    tag,
    digestOf(manifest.digest),
    bytes(description.size),
    kindText(tagged),
    ago(description.created, now),
  ];
}

const TITLES = ['TAG', 'DIGEST', 'SIZE', 'PLATFORMS', 'CREATED'];

/** Returns the lines of `image list`. */
export function listLines({ repositories }: Inventory, full: boolean, now: Date): string[] {
  const digestOf = full ? (digest: string) => digest : shortDigest;
  const rows = repositories.flatMap(({ name, tags }) =>
    tags.length === 0
      ? [[name, '(no tag)', '', '', '', '']]
      : tags.map((tagged) => [name, ...cells(tagged, digestOf, now)]),
  );
  return tableLines(['REPOSITORY', ...TITLES], rows, [3]);
}

/** Returns the lines of `image list REPOSITORY`; whole digests if the line has room for them. @param width of the terminal */
export function tagLines({ tags }: Repository, full: boolean, width: number, now: Date): string[] {
  const whole = tableLines(
    TITLES,
    tags.map((tagged) => cells(tagged, (digest) => digest, now)),
    [2],
  );
  if (full || whole.every((line) => line.length <= width)) return whole;
  return tableLines(
    TITLES,
    tags.map((tagged) => cells(tagged, shortDigest, now)),
    [2],
  );
}

/** Returns `3 repositories, 12 tags, 340 MB (what images share is counted once)`. */
export function totalLine({ repositories, bytes: sum }: Inventory): string {
  const tags = repositories.reduce((all, one) => all + one.tags.length, 0);
  return `${count(repositories.length, 'repository', 'repositories')}, ${count(tags, 'tag')}, ${bytes(sum)} (what images share is counted once)`;
}

/** One image, and what is known of it. */
export interface Shown {
  /** The registry's name. */
  name: string;
  reference: Reference;
  manifest: Manifest;
  /** It, and every manifest below it. */
  family: Manifest[];
  description: Description;
  configuration: Configuration | undefined;
}

/** Returns the lines of `image show`. */
export function imageLines(
  { name, reference, manifest, family, description, configuration }: Shown,
  now: Date,
): string[] {
  const { repository, tag, digest } = reference;
  const { size, platforms, created } = description;
  const row = (title: string, text: string | undefined) =>
    text ? [`  ${title.padEnd(11)}${visible(text)}`] : [];
  const rows = (title: string, texts: string[]) =>
    texts.flatMap((text, i) => row(i === 0 ? title : '', text));
  const words: Record<Kind, string> = {
    index: 'an image for several platforms',
    image: 'an image',
    'schema 1': 'an image of the former schema 1, which registry 3 does not serve',
    other: 'no image',
  };
  const known = new Map(family.map((one) => [one.digest, one]));
  const labels = { ...configuration?.labels, ...manifest.annotations };
  return [
    `${name}/${repository}${digest ? `@${digest}` : `:${tag ?? 'latest'}`}`,
    ...row('Digest', manifest.digest),
    ...row('Kind', `${words[manifest.kind]} (${manifest.holds ?? manifest.type})`),
    ...row('Size', bytes(size)),
    ...row(
      'Created',
      created && `${created.toISOString().slice(0, 16).replace('T', ' ')} UTC, ${ago(created, now)}`,
    ),
    ...row('Platforms', manifest.children.length > 0 ? '' : platforms.join(', ')),
    ...rows(
      'Platforms',
      manifest.children.map(
        ({ digest, platform }) =>
          `${(platform ?? 'attestation').padEnd(16)}${digest}  ${known.has(digest) ? '' : 'missing'}`,
      ),
    ),
    ...rows(
      'Layers',
      manifest.layers.map(({ digest, size }) => `${digest}  ${bytes(size)}`),
    ),
    ...row('Attached to', manifest.subject),
    ...rows(
      'Labels',
      Object.entries(labels).map(([key, value]) => `${key}=${value}`),
    ),
  ];
}

/** Returns `12 tags of 3 repositories`, `the repository team/old`. */
export function tagCount({ removals, whole }: RemovalPlan): string {
  const tags = removals.reduce((sum, one) => sum + one.tags.length + one.along.length, 0);
  const hit = removals.filter((one) => one.tags.length + one.along.length + one.manifests.length > 0);
  const manifests = removals.reduce((sum, one) => sum + one.manifests.length, 0);
  if (whole.length > 0 && whole.length === removals.length)
    return `the ${whole.length === 1 ? 'repository' : 'repositories'} ${whole.join(', ')} (${count(tags, 'tag')})`;
  if (tags === 0) return count(manifests, 'manifest');
  return `${count(tags, 'tag')} of ${hit.length === 1 ? hit[0]?.repository : count(hit.length, 'repository', 'repositories')}`;
}

/** Returns `120 MB`, or `at most 120 MB` if other images may share it. */
export const freedText = ({ bytes: sum, exact }: RemovalPlan['freed']): string =>
  exact ? bytes(sum) : `at most ${bytes(sum)}`;

/** Returns what a removal does, a line for each tag. */
export function removalLines({ removals, freed }: RemovalPlan): string[] {
  const row = (title: string, texts: string[]) =>
    texts.map((text, i) => `  ${(i === 0 ? title : '').padEnd(12)}${text}`);
  const each = <T>(
    of: (removal: RemovalPlan['removals'][number]) => T[],
    text: (repository: string, item: T) => string,
  ) => removals.flatMap((removal) => of(removal).map((item) => text(removal.repository, item)));
  const named = each(
    ({ tags, untag }) => tags.filter(({ tag }) => !untag.includes(tag)),
    (repository, { tag, digest }) => `${repository}:${tag}   ${digest ? shortDigest(digest) : ''}`.trimEnd(),
  );
  const loose = removals
    .filter(({ tags, along, manifests }) => tags.length + along.length === 0 && manifests.length > 0)
    .map(({ repository, manifests }) => `${repository}@${manifests[0]?.digest}`);
  return [
    ...row('Removes', [...named, ...loose]),
    ...row(
      'Tag only',
      each(
        ({ untag }) => untag,
        (repository, tag) => `${repository}:${tag}   (its image stays: another tag or index needs it)`,
      ),
    ),
    ...row(
      'Goes along',
      each(
        ({ along }) => along,
        (repository, { tag, digest }) => `${repository}:${tag}   ${shortDigest(digest)}, the same image`,
      ),
    ),
    ...row(
      'Stays',
      each(
        ({ stays }) => stays,
        (repository, { tag, for: needed }) =>
          `${repository}:${tag}   ${needed.length > 0 ? `(${needed.join(', ')} needs it` : '(it leads nowhere'}, and this registry deletes no tag alone)`,
      ),
    ),
    ...row('Frees', [`${freedText(freed)}, with the next collection`]),
  ];
}
