// One entry in a list of daemon.json: merges it, validates and writes the file, reloads dockerd, reads it back. Never restarts dockerd.
import { dirname, join } from 'node:path';
import { daemonInfo, hasEntry, reloadCommand, reloadUntil, validate } from '../dockerd/daemon.ts';
import { addToList, parseDaemonJson, removeFromList, setKeys } from '../dockerd/daemon-json.ts';
import type { Daemon, Directive } from '../dockerd/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { sha256 } from '../host/sha256.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { type Before, type Provider, restoreOf, teeLines, type Vault } from './provider.ts';

/** One entry of a list in daemon.json, present or absent; the running dockerd has read it. */
export interface DaemonJsonResource {
  kind: 'daemonJson';
  daemon: Daemon;
  directive: Directive;
  entry: string;
  present: boolean;
  /** The set-up of another registry made the file, or (`madeKey`) the list in it. */
  made?: boolean;
  madeKey?: boolean;
}

export type DaemonJsonStep = {
  do: 'daemonJson';
  daemon: Daemon;
  directive: Directive;
  entry: string;
  present: boolean;
  /** A restart follows: skips the reload and the reading back. */
  quiet?: true;
} & Before;

type Entry = Pick<DaemonJsonResource, 'daemon' | 'directive' | 'entry' | 'present'>;

/** Returns the file as it should be: `bytes` itself if it is right; undefined if there is no file and none is needed. */
export function wanted(
  bytes: Buffer | undefined,
  { daemon, directive, entry, present }: Entry,
): Buffer | undefined {
  if (present) return addToList(bytes, directive, entry, daemon.config);
  return bytes && removeFromList(bytes, directive, entry, daemon.config);
}

/** Tells whether the running dockerd uses the entry as wanted; one that does not run reads it when it starts. */
async function follows(host: Host, { daemon, directive, entry, present }: Entry): Promise<boolean> {
  if (daemon.app) return true;
  const info = await daemonInfo(host, daemon);
  return !info || hasEntry(info, directive, entry) === present;
}

/** Returns the file's bytes; undefined if there is none. @throws CliError (exit 2) if the path is not a file */
export async function readFile(host: Host, path: string): Promise<Buffer | undefined> {
  const there = await host.stat(path);
  if (there && there.type !== 'file')
    throw new CliError(`${path} is there, and it is not a file.`, { exitCode: 2 });
  return host.read(path);
}

/** Returns the path of the copy that dockerd validates before the file is replaced. */
const trialOf = (path: string) => join(dirname(path), '.daemon.json.registry-setup');

/** Removes the copy for dockerd, which a killed run may have left. */
async function dropTrial(host: Host, path: string): Promise<void> {
  if (await host.stat(trialOf(path))) await host.remove(trialOf(path));
}

/** Replaces the file after dockerd has validated the bytes; keeps its mode and owner. @throws CliError if dockerd refuses them */
export async function replace(host: Host, path: string, bytes: Buffer): Promise<void> {
  const there = await host.stat(path);
  const trial = trialOf(path);
  try {
    await host.write(trial, bytes, { mode: 0o600 });
    const refusal = await validate(host, trial);
    if (refusal) {
      const before = there && (await validate(host, path));
      throw new CliError(
        `Docker would not start with ${path}${before ? ' as it is' : ', changed like that'}.`,
        {
          why: (before ?? refusal).replaceAll(trial, path),
        },
      );
    }
  } finally {
    await host.remove(trial);
  }
  await host.write(path, bytes, there ?? { mode: 0o644 });
}

async function put(host: Host, change: Entry, bytes: Buffer): Promise<void> {
  await replace(host, change.daemon.config, bytes);
  if (!(await follows(host, change))) await reloadUntil(host, change.daemon, change);
}

export const daemonJson: Provider<DaemonJsonResource, DaemonJsonStep> = {
  title: ({ daemon, directive, entry, present }) =>
    `${entry} ${present ? 'in' : 'no longer in'} ${directive} of ${daemon.config}`,
  id: ({ daemon, directive, entry }) => `${daemon.config}:${directive}:${entry}`,
  removed: (id) => id,
  shared: true,
  place: ({ daemon }) => daemon.config,

  async check(resource, host) {
    const { daemon } = resource;
    const bytes = await readFile(host, daemon.config);
    const after = wanted(bytes, resource);
    const reload = daemon.app ? 'restart the app' : `${reloadCommand(daemon).join(' ')}      (no restart)`;
    if (after && after !== bytes) {
      const details = unifiedDiff(daemon.config, bytes?.toString(), after.toString());
      return { what: bytes ? 'change' : 'create', details: [...details, reload] };
    }
    if (await follows(host, resource)) return undefined;
    return { what: 'change', details: [`Docker has not read ${daemon.config} yet`, reload] };
  },

  async undo(resource, host, vault) {
    const { daemon, directive, entry, present, made = false, madeKey = made } = resource;
    const bytes = await readFile(host, daemon.config);
    const before = parseDaemonJson(bytes, daemon.config).value[directive];
    const had = Array.isArray(before) && before.includes(entry);
    if (had === present) return { steps: [] };
    const after = wanted(bytes, resource);
    const there = (await host.stat(daemon.config)) ?? { mode: 0o644, uid: 0, gid: 0 };
    const { mode, uid, gid } = there;
    const step: DaemonJsonStep = {
      do: 'daemonJson',
      daemon,
      directive,
      entry,
      present: had,
      made: bytes === undefined || made,
      madeKey: !Array.isArray(before) || madeKey,
      ...{ mode, uid, gid },
      ...(after && { wrote: sha256(after) }),
      ...(bytes && { copy: await vault.keep(bytes) }),
    };
    return { steps: [step] };
  },

  async apply(resource, host) {
    const after = wanted(await readFile(host, resource.daemon.config), resource);
    if (after) await put(host, resource, after);
  },

  async byHand(resource, host) {
    const { daemon } = resource;
    const bytes = await host.read(daemon.config);
    const after = wanted(bytes ?? Buffer.from('{}\n'), resource);
    const made = bytes ? [] : [`sudo mkdir -p ${dirname(daemon.config)}`];
    const reload = `sudo ${reloadCommand(daemon).join(' ')}`;
    return [...made, ...teeLines(daemon.config, `${after}`), reload];
  },

  steps: {
    daemonJson: {
      perform: undoDaemonJson,
      isLeft: daemonJsonLeft,
      inverse: inverseDaemonJson,
      words: ({ daemon, directive, entry, present }) =>
        `${daemon.config}: ${entry} ${present ? 'back in' : 'out of'} ${directive}`,
    },
  },
};

/** Returns the file's bytes without the set-up's entry; undefined if the file is to be removed. */
async function former(step: DaemonJsonStep, bytes: Buffer, host: Host): Promise<Buffer | undefined> {
  const { daemon, directive, copy, wrote, made, madeKey } = step;
  const untouched = wrote === undefined || sha256(bytes) === wrote;
  if (untouched && copy) {
    const kept = await host.read(copy);
    if (kept) return kept;
  }
  if (untouched && made && !copy) return undefined;
  let after = wanted(bytes, step) as Buffer;
  const { value } = parseDaemonJson(after, daemon.config);
  if (madeKey && JSON.stringify(value[directive]) === '[]') {
    after = setKeys(after, { [directive]: undefined }, daemon.config);
    delete value[directive];
  }
  return made && Object.keys(value).length === 0 ? undefined : after;
}

/** Undoes the entry: restores the former bytes if nobody changed the file since, else changes that entry alone. */
async function undoDaemonJson(step: DaemonJsonStep, host: Host): Promise<void> {
  const { config } = step.daemon;
  await dropTrial(host, config);
  const bytes = await host.read(config);
  if (!bytes) return step.copy && step.wrote === undefined ? restore(step, host) : undefined;
  const after = await former(step, bytes, host);
  // A reload does not notice a removed key, but an empty list: so dockerd reads the list first.
  const told = wanted(bytes, step) as Buffer;
  if (step.quiet && told !== bytes) await replace(host, config, told);
  else if (!step.quiet && (told !== bytes || !(await follows(host, step)))) await put(host, step, told);
  if (after === undefined) return host.remove(config);
  if (!after.equals((await host.read(config)) ?? Buffer.alloc(0))) await host.write(config, after, step);
}

async function restore({ daemon, copy = '', ...rest }: DaemonJsonStep, host: Host) {
  const bytes = await host.read(copy);
  if (bytes) await host.write(daemon.config, bytes, rest);
}

/** Returns the way back from the undo: the present bytes, and the entry as the running dockerd has it. */
async function inverseDaemonJson(step: DaemonJsonStep, host: Host, vault: Vault) {
  const there = await restoreOf(step.daemon.config, host, vault);
  if (!there) return { steps: [] };
  const { copy, mode, uid, gid } = there;
  const { wrote: _, ...rest } = step;
  return { steps: [{ ...rest, present: !step.present, copy, mode, uid, gid, made: false }] };
}

/** Tells whether the set-up's entry is still in the file. */
async function daemonJsonLeft(step: DaemonJsonStep, host: Host): Promise<boolean> {
  const bytes = await host.read(step.daemon.config);
  return bytes !== undefined && wanted(bytes, step) !== bytes;
}
