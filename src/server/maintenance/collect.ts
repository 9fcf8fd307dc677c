// Garbage collection: deletes what no manifest leads to, with the registry's own program, while nobody can push.
import { join } from 'node:path';
import type { Context } from '../../context.ts';
import { isRunning, lastLines } from '../../engines/engine.ts';
import type { NativeInfo } from '../../engines/native.ts';
import { CliError } from '../../errors.ts';
import type { Host, RunResult } from '../../host/host.ts';
import { runBound } from '../../host/run-as.ts';
import { eachOf } from '../../images/lanes.ts';
import type { Step } from '../../reconcile/progress.ts';
import { accessOf } from '../../registry/access-log.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes } from '../../terminal/output.ts';
import { shellLine } from '../../terminal/shell.ts';
import { INSIDE } from '../plan/container.ts';
import { nativeOf } from '../plan/native.ts';
import type { ServerRequest } from '../request.ts';
import { mustBeTidy } from './oddities.ts';
import {
  blobBytes,
  isEmpty,
  REPOSITORIES,
  removeRepository,
  removeUpload,
  repositoriesOnDisk,
  revisionsOf,
  tagTimes,
  type Upload,
  uploadsOf,
} from './storage.ts';

const HOUR = 3_600_000;
/** An upload that has had no byte for so long is given up: a client that goes on resumes within minutes. */
const GIVEN_UP = 24 * HOUR;

/** What belongs to no repository. */
interface Leftovers {
  /** Repositories that hold nothing. */
  empty: string[];
  /** Uploads that were given up. */
  uploads: Upload[];
}

/** What a collection would free. */
export interface Garbage extends Leftovers {
  /** Bytes of each blob that no manifest leads to, by digest. */
  blobs: Map<string, number>;
}

export const isNothing = ({ blobs, empty, uploads }: Garbage): boolean =>
  blobs.size === 0 && empty.length === 0 && uploads.length === 0;

const sum = (list: Iterable<number>): number => [...list].reduce((all, one) => all + one, 0);

/** Returns bytes. */
export const sizeOf = ({ blobs, uploads }: Garbage): number =>
  sum(blobs.values()) + sum(uploads.map((upload) => upload.bytes));

type Of = Pick<ServerRequest, 'settings' | 'engine'>;

/** Runs the registry's own collection: in its container, or as its user. @param words after `garbage-collect` */
async function garbageCollect({ settings, engine }: Of, host: Host, words: string[]): Promise<RunResult> {
  // A large registry takes hours.
  const options = { timeout: 0 };
  if (settings.engine !== 'native') {
    const config = `${INSIDE.config}/config.yml`;
    return host.run(
      settings.engine,
      ['exec', settings.name, 'registry', 'garbage-collect', ...words, config],
      options,
    );
  }
  const { binary, user } = nativeOf(settings, engine as NativeInfo, host.machine.uid);
  const config = join(settings.dir, 'config/config.yml');
  // A collection that outlives this program would go on while somebody pushes: the next run makes the registry writable.
  return runBound(host, user, binary, ['garbage-collect', ...words, config], options);
}

/** A line of its output that names a blob. (distribution, registry/storage/garbagecollect.go; the same words in 2.8 and 3.1) */
const BLOB = /^blob eligible for deletion: (sha256:[0-9a-f]{64})$/gm;

/** @throws CliError if the registry's program failed */
async function collected(request: Of, host: Host, words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await garbageCollect(request, host, words);
  if (code !== 0)
    throw new CliError('The registry could not collect its garbage.', {
      why: stderr.trim().split('\n').slice(-5).join('\n'),
    });
  return [...stdout.matchAll(BLOB)].map(([, digest = '']) => digest);
}

/** Returns the blobs that no manifest leads to. @throws CliError if the registry does not run */
async function uselessBlobs(request: Of, host: Host): Promise<Map<string, number>> {
  const inside = host.inside(request.settings.storage);
  const blobs = new Map<string, number>();
  const digests = await collected(request, host, ['--dry-run']);
  await eachOf(digests, async (digest) => void blobs.set(digest, await blobBytes(inside, digest)));
  return blobs;
}

async function leftovers({ settings: { storage } }: Of, host: Host): Promise<Leftovers> {
  const found: Leftovers = { empty: [], uploads: [] };
  const before = Date.now() - GIVEN_UP;
  for (const name of await repositoriesOnDisk(host, storage)) {
    if (await isEmpty(host, storage, name)) found.empty.push(name);
    const uploads = await uploadsOf(host, storage, name);
    found.uploads.push(...uploads.filter(({ modified }) => modified.getTime() < before));
  }
  return found;
}

/** @throws CliError if the registry does not run: it would be started by the way, which somebody may not want */
export async function mustRun({ settings }: Pick<ServerRequest, 'settings'>, host: Host): Promise<void> {
  if (await isRunning(host, settings)) return;
  throw new CliError('The registry does not run, and its own program does the collection.', {
    fix: `Start it:   ${commandLine('--yes')}`,
  });
}

/**
 * Finds out what a collection would free. Reads only: pushes go on.
 * @throws CliError if the registry does not run, or if something in its storage is in the way
 */
export async function findGarbage(request: Of, host: Host): Promise<Garbage> {
  const { storage } = request.settings;
  // The registry's own program fails before the first push.
  if (!(await host.stat(join(storage, REPOSITORIES)))) return { blobs: new Map(), empty: [], uploads: [] };
  await mustBeTidy(host, storage);
  const [blobs, rest] = await Promise.all([uselessBlobs(request, host), leftovers(request, host)]);
  return { blobs, ...rest };
}

/** Repositories to remove with everything in them; one that somebody has pushed to since then stays. */
export interface Whole {
  names: string[];
  since: Date;
}

export interface Freed {
  blobs: number;
  bytes: number;
  repositories: string[];
  /** Repositories that were to go, and stay. */
  stay: string[];
}

/**
 * Returns the step that collects; the registry must be read-only.
 * @param found what was found just before: the registry's program looks through everything, which is not done twice while nobody can push
 */
export function collectStep(
  request: Of,
  host: Host,
  { names, since }: Whole,
  found: Garbage,
  done: (freed: Freed) => void,
): Step {
  const { storage } = request.settings;
  return {
    title: 'Collected what no manifest leads to',
    async run() {
      const inside = host.inside(storage);
      const stay: string[] = [];
      for (const name of names)
        if (await isPushedSince(host, storage, name, since)) stay.push(name);
        else await mustRemove(host, storage, name);
      // What these repositories alone needed has become garbage just now.
      const blobs = names.length > stay.length ? await uselessBlobs(request, host) : found.blobs;
      if (blobs.size > 0) await collected(request, host, []);
      const { empty, uploads } = await leftovers(request, host);
      for (const upload of uploads) await removeUpload(inside, upload);
      for (const name of empty) await mustRemove(host, storage, name);
      // What the registry's program says it did is not what counts.
      const gone: number[] = [];
      for (const [digest, size] of blobs) if ((await blobBytes(inside, digest)) === 0) gone.push(size);
      const freed = sum(gone) + sum(uploads.map((upload) => upload.bytes));
      const repositories = [...names.filter((name) => !stay.includes(name)), ...empty];
      done({ blobs: gone.length, bytes: freed, repositories, stay });
      return `Collected ${bytes(freed)} that no manifest leads to`;
    },
  };
}

/** Tells whether something was pushed to a repository since a time. */
async function isPushedSince(host: Host, storage: string, name: string, since: Date): Promise<boolean> {
  const [tags, revisions] = await Promise.all([
    tagTimes(host, storage, name),
    revisionsOf(host, storage, name),
  ]);
  return [...tags.values(), ...revisions.map(({ pushed }) => pushed)].some((pushed) => pushed >= since);
}

async function mustRemove(host: Host, storage: string, name: string): Promise<void> {
  if (await removeRepository(host.inside(storage), name)) return;
  throw new CliError(`${name} is not removed: there is a link in its directory, which may lead anywhere.`, {
    fix: `See where it leads:   ${shellLine('find', [join(storage, 'docker/registry/v2/repositories', name), '-type', 'l', '-ls'])}`,
  });
}

/** Seconds without a push that a collection waits for, and how long it waits at most. */
export const QUIET = 20;
export const PATIENCE = 180;
const LOOK_EVERY = 2_000;

/** A push that was seen. */
export interface Push {
  /** What it writes to. */
  repository: string;
  /** The address that it comes from; unknown for an upload that is under way. */
  from: string | undefined;
}

/** What a request that writes asks for. */
const WRITES = /^\/v2\/(.+?)\/(?:blobs\/uploads|manifests)\//;

/** Returns pushes of the last seconds: requests in the log of the registry, and uploads that have grown. */
async function recentPushes(
  { settings }: Pick<ServerRequest, 'settings'>,
  host: Host,
  now = Date.now(),
): Promise<Push[]> {
  const after = now - QUIET * 1_000;
  const lines = await lastLines(host, settings, { lines: 2_000, since: new Date(after) });
  const requests = lines.flatMap((line): Push[] => {
    const access = accessOf(line);
    if (!access || access.at <= after || !['POST', 'PUT', 'PATCH'].includes(access.method)) return [];
    const [, repository] = WRITES.exec(access.path) ?? [];
    return repository ? [{ repository, from: access.from }] : [];
  });
  const names = await repositoriesOnDisk(host, settings.storage);
  const uploads: Upload[] = [];
  for (const name of names) uploads.push(...(await uploadsOf(host, settings.storage, name)));
  const growing = uploads.filter(({ modified }) => modified.getTime() > after);
  return [...requests, ...growing.map(({ repository }) => ({ repository, from: undefined }))];
}

/**
 * Returns the step that waits until nobody has pushed for a while: a layer whose manifest is still to come would be collected.
 * @param cut receives who still pushes when the time is over
 */
export function quietStep(
  request: Pick<ServerRequest, 'settings'>,
  { host, signal }: Context,
  cut: (pushes: Push[]) => void,
): Step {
  return {
    title: `Nobody has pushed for ${QUIET} s`,
    async run(report) {
      const since = performance.now();
      for (;;) {
        const pushes = await recentPushes(request, host);
        if (pushes.length === 0) return undefined;
        const waited = Math.round((performance.now() - since) / 1_000);
        const names = [...new Set(pushes.map(({ repository }) => repository))];
        if (waited > PATIENCE || signal.aborted) {
          cut(pushes);
          return `Somebody still pushes to ${names.join(', ')}`;
        }
        report(`waiting for pushes to ${names.join(', ')} (${waited} s of ${PATIENCE} s)`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
      }
    },
  };
}
