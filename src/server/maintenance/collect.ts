// Garbage collection: deletes what no manifest leads to, with the registry's own program, while nobody can push.
import { join } from 'node:path';
import type { Context } from '../../context.ts';
import { lastLines } from '../../engines/engine.ts';
import type { NativeInfo } from '../../engines/native.ts';
import { CliError } from '../../errors.ts';
import type { Host, RunResult } from '../../host/host.ts';
import { runAs } from '../../host/run-as.ts';
import { eachOf } from '../../images/lanes.ts';
import { count } from '../../images/screens.ts';
import type { Step } from '../../reconcile/progress.ts';
import { bytes } from '../../terminal/output.ts';
import { shellLine } from '../../terminal/shell.ts';
import { INSIDE } from '../plan/container.ts';
import { nativeOf } from '../plan/native.ts';
import type { ServerRequest } from '../request.ts';
import {
  blobBytes,
  isEmpty,
  removeRepository,
  removeUpload,
  repositoriesOnDisk,
  type Upload,
  uploadsOf,
} from './storage.ts';

const HOUR = 3_600_000;
/** An upload that has had no byte for so long is given up: a client that goes on resumes within minutes. */
const GIVEN_UP = 24 * HOUR;

/** What a collection would free. */
export interface Garbage {
  /** Digests of blobs that no manifest leads to. */
  blobs: string[];
  /** Bytes of those blobs, and of the uploads that were given up. */
  bytes: number;
  /** Repositories that hold nothing. */
  empty: string[];
  uploads: Upload[];
}

export const isNothing = ({ blobs, empty, uploads }: Garbage): boolean =>
  blobs.length === 0 && empty.length === 0 && uploads.length === 0;

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
  return runAs(host, { as: user }, binary, ['garbage-collect', ...words, config], options);
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

/** Finds out what a collection would free. Reads only: pushes go on. @throws CliError if the registry does not run */
export async function findGarbage(request: Of, host: Host, now = Date.now()): Promise<Garbage> {
  const { storage } = request.settings;
  const [blobs, names] = await Promise.all([
    collected(request, host, ['--dry-run']),
    repositoriesOnDisk(host, storage),
  ]);
  const inside = host.inside(storage);
  const empty: string[] = [];
  const uploads: Upload[] = [];
  for (const name of names) {
    if (await isEmpty(host, storage, name)) empty.push(name);
    uploads.push(...(await uploadsOf(host, storage, name)));
  }
  const sizes: number[] = [];
  await eachOf(blobs, async (digest) => void sizes.push(await blobBytes(inside, digest)));
  const givenUp = uploads.filter(({ modified }) => now - modified.getTime() > GIVEN_UP);
  const sum = (list: number[]) => list.reduce((all, one) => all + one, 0);
  return {
    blobs,
    bytes: sum(sizes) + sum(givenUp.map((upload) => upload.bytes)),
    empty,
    uploads: givenUp,
  };
}

export interface Freed {
  blobs: number;
  bytes: number;
  repositories: string[];
}

/** Returns the step that collects; the registry must be read-only. @param whole repositories to remove with everything in them */
export function collectStep(request: Of, host: Host, whole: string[], done: (freed: Freed) => void): Step {
  const { storage } = request.settings;
  return {
    title: 'Collected what no manifest leads to',
    async run(report) {
      const inside = host.inside(storage);
      for (const name of whole) await mustRemove(host, storage, name);
      // Pushes since the first look have added to it, or taken from it.
      const garbage = await findGarbage(request, host);
      report(`${count(garbage.blobs.length, 'blob')}, ${bytes(garbage.bytes)}`);
      const sizes = new Map<string, number>();
      for (const digest of garbage.blobs) sizes.set(digest, await blobBytes(inside, digest));
      if (garbage.blobs.length > 0) await collected(request, host, []);
      for (const upload of garbage.uploads) await removeUpload(inside, upload);
      for (const name of garbage.empty) await mustRemove(host, storage, name);
      // What the registry's program says it did is not what counts.
      let freed = garbage.uploads.reduce((sum, upload) => sum + upload.bytes, 0);
      let gone = 0;
      for (const [digest, size] of sizes) {
        if ((await blobBytes(inside, digest)) > 0) continue;
        freed += size;
        gone++;
      }
      done({ blobs: gone, bytes: freed, repositories: [...whole, ...garbage.empty] });
      return `Collected ${bytes(freed)} that no manifest leads to`;
    },
  };
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

/** A request that writes, in the access log: Apache's combined format. (distribution, registry/handlers/app.go, `gorhandlers.CombinedLoggingHandler`) */
const WRITE = /^(\S+) - \S+ \[([^\]]+)\] "(?:POST|PUT|PATCH) \/v2\/(.+?)\/(?:blobs\/uploads|manifests)\//;

/** Returns pushes of the last seconds: requests in the log of the registry, and uploads that have grown. */
async function recentPushes(
  { settings }: Pick<ServerRequest, 'settings'>,
  host: Host,
  now = Date.now(),
): Promise<Push[]> {
  const after = now - QUIET * 1_000;
  const lines = await lastLines(host, settings, { lines: 2_000, since: new Date(after) });
  const requests = lines.flatMap((line): Push[] => {
    const [, from, date = '', repository = ''] = WRITE.exec(line) ?? [];
    return repository && timeOf(date) > after ? [{ repository, from: from?.replace(/:\d+$/, '') }] : [];
  });
  const names = await repositoriesOnDisk(host, settings.storage);
  const uploads: Upload[] = [];
  for (const name of names) uploads.push(...(await uploadsOf(host, settings.storage, name)));
  const growing = uploads.filter(({ modified }) => modified.getTime() > after);
  return [...requests, ...growing.map(({ repository }) => ({ repository, from: undefined }))];
}

/** Returns milliseconds from `27/Nov/2026:10:44:00 +0000`; 0 if it is no date. */
const timeOf = (text: string): number => Date.parse(text.replace(/^(\d+)\/(\w+)\/(\d+):/, '$1 $2 $3 ')) || 0;

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
