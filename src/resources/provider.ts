// What a kind of resource provides: what differs (check), the change (apply), the way back (undo), and how each undo step is done.
import type { Daemon } from '../dockerd/types.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import type { Report } from '../terminal/output.ts';
import { shellLine } from '../terminal/shell.ts';

/** How the machine differs from a resource. */
export interface Drift {
  what: 'create' | 'change' | 'start' | 'remove';
  /** For the user: a unified diff, a command that will be run, a reason. Secrets are masked already. */
  details: string[];
  /** The dockerd that is restarted by it: what runs in it stops for that time. */
  restarts?: Daemon;
  /** Of a removal: its first step back removes a file or a directory. */
  deletes?: true;
}

/** One undo step. Data, not a closure, so that it survives a crash; doing it twice does no harm. */
interface Step {
  do: string;
}

/** The undo steps for files and directories, which any kind may return. src/reconcile/undo.ts does them. */
export type FileStep =
  | { do: 'restore'; path: string; copy: string; mode: number; uid: number; gid: number }
  | { do: 'remove'; path: string }
  | { do: 'rmdir'; path: string }
  | { do: 'chmod'; path: string; mode: number; uid: number; gid: number }
  | { do: 'removeTree'; path: string }
  | { do: 'rename'; from: string; to: string };

/** The way back from one change. */
export interface WayBack<S> {
  steps: S[];
  /** Done after every other step of the run: a service starts again only when its files are restored. */
  last?: S[];
  /** Done when the run has succeeded: removes what was set aside for the way back. */
  cleanup?: S[];
}

/** Stores the bytes that an undo needs. */
export interface Vault {
  /** Stores a copy, 0600 and synced; returns its path. */
  keep(content: Buffer): Promise<string>;
}

/** How an undo step is done, described, and undone in turn. */
export interface StepKind<S, T = S | FileStep> {
  /** Does the step. Idempotent: a run that was killed during its roll-back is rolled back again. */
  perform(step: S, host: Host): Promise<void>;
  /** Reads only. Returns true if the step would change something: what the set-up made still exists. */
  isLeft(step: S, host: Host): Promise<boolean>;
  /** Returns the way back from the step: uninstall, and the removal of a part that is no longer wanted, can fail half-way. */
  inverse(step: S, host: Host, vault: Vault): Promise<WayBack<T>>;
  /** Returns the command that a user would type for the step. */
  words(step: S): string;
  /** The step removes a file or a directory: its words can be pasted as they are. */
  deletes?: true;
  /** Returns the dockerd that the step restarts. */
  restarts?(step: S): Daemon;
  /** Does the step in a removal, if `perform` would leave no way back: sets aside what cannot be recreated until the run is over. */
  performReversibly?(step: S, host: Host): Promise<void>;
  /** A roll-back skips the step: what it would remove does no harm, and the next try saves the wait. */
  staysOnRollBack?: true;
  /** Turns the first step that is recorded into the way back to before the first set-up. */
  asOldest?(step: S): S;
}

/** Undone after the commit, because a container or files still use it until then. */
export const WHEN_OVER = {
  inverse: async <S>(step: S): Promise<WayBack<S>> => ({ steps: [], cleanup: [step] }),
  performReversibly: async () => {},
};

/** A change that is shown to a user for review. */
export interface Shown<R> {
  resource: R;
  title: string;
  drift: Drift;
}

/**
 * One kind of resource, which its file exports and the table in providers.ts lists.
 * `R` is the resource; `S` are its own undo steps; `Other` are undo steps of other kinds that it returns as well.
 */
export interface Provider<R extends { kind: string }, S extends Step = never, Other extends Step = never> {
  /** Returns its name in the plan: `/opt/registry/config/config.yml`, `container registry`. */
  title(resource: R): string;
  /** Identifies it among its kind. Resources with the same id replace each other: the journal and the oldest undo are stored by id. */
  id(resource: R): string;
  /** Returns the engine that it belongs to: with another engine it is another resource, even if it has the same name. */
  engine?(resource: R): Program | undefined;
  /** Only uninstall removes it: it stays if a plan does not contain it. */
  kept?: true;
  /** Returns its name in its removal. */
  removed(id: string, steps: readonly (S | Other | FileStep)[]): string;
  /** Reads only. Returns undefined if the resource is as it should be. */
  check(resource: R, host: Host): Promise<Drift | undefined>;
  /** Returns the way back to the present state. Called, and written to the journal, before apply. */
  undo(resource: R, host: Host, vault: Vault): Promise<WayBack<S | Other | FileStep>>;
  apply(resource: R, host: Host, report?: Report): Promise<void>;
  /** How its own undo steps are done. */
  steps: { [D in S['do']]: StepKind<Extract<S, { do: D }>, S | FileStep> };
  /** It changes what others own or write to as well: on a developer machine the user is asked first. */
  shared?: true;
  /** Returns the lines for all its changes in the review on a server: `add the user x`. Absent if it has none. */
  review?(changes: Shown<R>[], at: { dir: string; port: number }): string[];
  /** Returns the file that it changes; undefined if it changes none. */
  place?(resource: R): string;
  /** Returns the commands with which root makes the change by hand. */
  byHand?(resource: R, host: Host): Promise<string[]>;
}

/** Returns the review lines for what serves on the registry's port. */
export const serviceLines = <R>(changes: Shown<R>[], { port }: { port: number }): string[] =>
  changes.map(({ title, drift }) => {
    const verb = { create: 'start', change: 'replace', start: 'start', remove: 'remove' }[drift.what];
    return `${verb} the ${title} on port ${port}`;
  });

/** Returns the shell lines with which root writes a file. */
export const teeLines = (path: string, content: string): string[] => [
  `sudo tee ${shellLine(path, [])} >/dev/null <<'END'`,
  ...content.trimEnd().split('\n'),
  'END',
];

export type RestoreStep = Extract<FileStep, { do: 'restore' }>;

/** Returns the step that restores a file's present bytes, mode and owner; undefined if there is no file. */
export async function restoreOf(path: string, host: Host, vault: Vault): Promise<RestoreStep | undefined> {
  const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
  if (!there || !bytes) return undefined;
  const { mode, uid, gid } = there;
  return { do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid };
}

/**
 * Returns the way back of a file that is about to be written: restored as it is now, or removed.
 * The copy is not a hard link: docker_auth does not notice that a file was replaced while a link keeps the old one.
 */
export const wayBackOfFile = async (path: string, host: Host, vault: Vault): Promise<FileStep> =>
  (await restoreOf(path, host, vault)) ?? { do: 'remove', path };

/** Returns the way back from a step that removes or changes a file. */
export async function inverseOfFile(path: string, host: Host, vault: Vault): Promise<WayBack<FileStep>> {
  const restore = await restoreOf(path, host, vault);
  return { steps: restore ? [restore] : [] };
}

/** A file that others write to as well, as it was before the set-up: its bytes count if nobody changed it since. */
export interface Before {
  copy?: string;
  mode: number;
  uid: number;
  gid: number;
  /** SHA-256 of what was written; undefined: the copy counts whatever the file holds now. */
  wrote?: string;
  /** The file did not exist: it is removed when nothing is left in it. */
  made: boolean;
  /** The key did not exist: it is removed, too. */
  madeKey?: boolean;
}
