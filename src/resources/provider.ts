// What a kind of resource brings: what differs (check), the change (apply), the way back (undo), and how each step back is done.
import type { Daemon } from '../dockerd/types.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import type { Report } from '../terminal/output.ts';
import { shellLine } from '../terminal/shell.ts';

/** How a resource differs from what is there. */
export interface Drift {
  what: 'create' | 'change' | 'start' | 'remove';
  /** For the user: a unified diff, a command that will be run, a reason. Secrets are masked already. */
  details: string[];
  /** The dockerd that is restarted by it: what runs in it stops for that time. */
  restarts?: Daemon;
  /** Of a removal: its first step back removes a file or a directory. */
  deletes?: true;
}

/** One thing that goes back. Data, not a closure, so that it survives a crash; each can be done twice without harm. */
export interface Step {
  do: string;
}

/** The steps back that any kind may make: those for files and directories. src/reconcile/undo.ts does them. */
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
  /** After every other step of the run: a service is started again only when its files are back. */
  last?: S[];
  /** When the run has succeeded: what was kept aside for going back is thrown away. */
  cleanup?: S[];
}

/** Where a provider keeps the bytes that an undo needs. */
export interface Vault {
  /** Stores a copy, 0600 and synced; returns its path. */
  keep(content: Buffer): Promise<string>;
}

/** How a step back is done, and what can be said of it. */
export interface StepKind<S, T = S | FileStep> {
  /** Does the step. Twice is as good as once: a run that was killed while it rolled back is rolled back again. */
  perform(step: S, host: Host): Promise<void>;
  /** Reads only. True when the step would change something: what the set-up made is there still. */
  isLeft(step: S, host: Host): Promise<boolean>;
  /** What takes the step back again: uninstall, and the removal of a part that is no longer wanted, can fail half-way. */
  inverse(step: S, host: Host, vault: Vault): Promise<WayBack<T>>;
  /** The command that a user would type for it. */
  words(step: S): string;
  /** It removes a file or a directory: its words can be pasted as they are. */
  deletes?: true;
  /** The dockerd that it restarts. */
  restarts?(step: S): Daemon;
  /** Does the step on the way out, where `perform` would leave no way back: what cannot be made again is set aside until the run is over. */
  performReversibly?(step: S, host: Host): Promise<void>;
  /** A run that is rolled back leaves it: it harms nobody, and the next try is spared the wait. */
  staysOnRollBack?: true;
  /** The step as the way back to before the first set-up, when it is the first one that is remembered. */
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
 * `R` is the resource; `S` are the steps back that are its own; `Other` are steps of other kinds that it makes as well.
 */
export interface Provider<R extends { kind: string }, S extends Step = never, Other extends Step = never> {
  /** What it is called in the plan: `/opt/registry/config/config.yml`, `container registry`. */
  title(resource: R): string;
  /** Tells it from others of its kind. Resources of one id take each other's place: the journal and the oldest undo are kept by it. */
  id(resource: R): string;
  /** The engine that it belongs to: with another engine it is another resource, also when it has the same name. */
  engine?(resource: R): Program | undefined;
  /** Only uninstall takes it away: it stays when a plan does not speak of it. */
  kept?: true;
  /** What it is called when it is taken away. */
  removed(id: string, steps: readonly (S | Other | FileStep)[]): string;
  /** Reads only. Undefined: it is as it should be. */
  check(resource: R, host: Host): Promise<Drift | undefined>;
  /** How to get back to what is there now. Called, and written to the journal, before apply. */
  undo(resource: R, host: Host, vault: Vault): Promise<WayBack<S | Other | FileStep>>;
  apply(resource: R, host: Host, report?: Report): Promise<void>;
  /** How its own steps back are done. */
  steps: { [D in S['do']]: StepKind<Extract<S, { do: D }>, S | FileStep> };
  /** It changes what others own or write to as well: who is there is asked first on a developer machine. */
  shared?: true;
  /** Lines of the review on a server, of all its changes: `add the user x`. Absent: it has none. */
  review?(changes: Shown<R>[], at: { dir: string; port: number }): string[];
  /** The file that it changes; undefined: it changes none. */
  place?(resource: R): string;
  /** The commands by which root makes the change by hand. */
  byHand?(resource: R, host: Host): Promise<string[]>;
}

/** The review of what serves on the registry's port. */
export const serviceLines = <R>(changes: Shown<R>[], { port }: { port: number }): string[] =>
  changes.map(({ title, drift }) => {
    const verb = { create: 'start', change: 'replace', start: 'start', remove: 'remove' }[drift.what];
    return `${verb} the ${title} on port ${port}`;
  });

/** The lines of a shell by which root writes a file. */
export const teeLines = (path: string, content: string): string[] => [
  `sudo tee ${shellLine(path, [])} >/dev/null <<'END'`,
  ...content.trimEnd().split('\n'),
  'END',
];

export type RestoreStep = Extract<FileStep, { do: 'restore' }>;

/** The step that gives a file its bytes, its mode and its owner of now; undefined if it is not there. */
export async function restoreOf(path: string, host: Host, vault: Vault): Promise<RestoreStep | undefined> {
  const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
  if (!there || !bytes) return undefined;
  const { mode, uid, gid } = there;
  return { do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid };
}

/**
 * The way back of a file that is about to be written: as it is now, or removed.
 * The copy is no hard link: docker_auth does not notice that a file was replaced while a link keeps the old one.
 */
export const wayBackOfFile = async (path: string, host: Host, vault: Vault): Promise<FileStep> =>
  (await restoreOf(path, host, vault)) ?? { do: 'remove', path };

/** What puts a file back that a step takes away or changes. */
export async function inverseOfFile(path: string, host: Host, vault: Vault): Promise<WayBack<FileStep>> {
  const restore = await restoreOf(path, host, vault);
  return { steps: restore ? [restore] : [] };
}

/** A file that others write to as well, before the set-up did: its bytes, for when nobody has touched it since. */
export interface Before {
  copy?: string;
  mode: number;
  uid: number;
  gid: number;
  /** SHA-256 of what was written; undefined: the copy counts whatever is there now. */
  wrote?: string;
  /** There was none; it goes when nothing is left in it. */
  made: boolean;
  /** Its key was not there; it goes, too. */
  madeKey?: boolean;
}
