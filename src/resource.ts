// The types of the mechanism: what should be (Resource), what differs (Drift), how to go back (Undo).
import type { Host } from './host.ts';

/** A container (or, one day, a unit) and everything that decides how it is started. Plain data: the plan is printed and compared. */
export interface Service {
  name: string;
  image: string;
  command: string[];
  publish: { bind: string; port: number; to: number }[];
  mounts: { source: string; target: string; readOnly: boolean }[];
  env: Record<string, string>;
  /** The directory of the set-up that it belongs to; a label, so that a container is known as ours. */
  owner: string;
  /** More arguments for `docker run`, from facts: log rotation, user namespaces. */
  options: string[];
}

export type Resource =
  /** `keep`: one that is there already stays as it is, whoever owns it. */
  | { kind: 'dir'; path: string; mode: number; keep?: true }
  | { kind: 'file'; path: string; content: string; mode: number; mask?: Mask | undefined }
  /** The files of this program below a directory of their own, so that a timer can run it when npx has left nothing behind. */
  | { kind: 'program'; path: string; files: Record<string, string> }
  /** A systemd timer and the service that it starts; the texts of both units. */
  | { kind: 'timer'; name: string; service: string; timer: string }
  | { kind: 'image'; ref: string; archive?: string | undefined }
  | { kind: 'container'; service: Service; digest: string }
  | { kind: 'gone'; of: string; undo: Undo };

/** Which parts of a file are never shown: all of it, or what a regular expression (flags `gm`) matches. */
export type Mask = 'all' | { pattern: string };

export type ResourceOf<K extends Resource['kind']> = Extract<Resource, { kind: K }>;

/** How a resource differs from what is there. */
export interface Drift {
  what: 'create' | 'change' | 'start' | 'remove';
  /** For the person: a unified diff, a command that will be run, a reason. Secrets are masked already. */
  details: string[];
}

/** One thing that goes back. Data, not a closure, so that it survives a crash; each can be done twice without harm. */
export type UndoStep =
  | { do: 'restore'; path: string; copy: string; mode: number; uid: number; gid: number }
  | { do: 'remove'; path: string }
  | { do: 'rmdir'; path: string }
  | { do: 'chmod'; path: string; mode: number; uid: number; gid: number }
  /** `owner`: one of that name which is somebody else's is never touched. */
  | { do: 'container'; name: string; owner: string; former?: { id: string; running: boolean } }
  | { do: 'start'; id: string }
  | { do: 'discard'; id: string; unless?: string }
  | { do: 'image'; ref: string }
  | { do: 'removeTree'; path: string }
  | { do: 'rename'; from: string; to: string }
  | { do: 'timer'; name: string; on: boolean };

export interface Undo {
  steps: UndoStep[];
  /** After every other step of the run: a service goes up again only when its files are back. */
  last?: UndoStep[];
  /** When the run has succeeded: what was kept aside for going back is thrown away. */
  cleanup?: UndoStep[];
}

/** Where a provider keeps the bytes that an undo needs. */
export interface Vault {
  /** Stores a copy, 0600 and synced; returns its path. */
  keep(content: Buffer): Promise<string>;
}

/** One a kind of resource: four functions, nothing else. */
export interface Provider<R extends Resource> {
  /** What it is called in the plan: `/opt/registry/config/config.yml`, `container registry`. */
  title(resource: R): string;
  /** Reads only. Undefined: it is as it should be. */
  check(resource: R, host: Host): Promise<Drift | undefined>;
  /** How to get back to what is there now. Called, and written to the journal, before apply. */
  undo(resource: R, host: Host, vault: Vault): Promise<Undo>;
  apply(resource: R, host: Host, report?: Report): Promise<void>;
}

/** Says what a long step is doing: `pulling, 12 of 30 MB`. */
export type Report = (text: string) => void;

/** Resources of one key take each other's place: the journal and the oldest undo are kept by it. */
export function keyOf(resource: Resource): string {
  switch (resource.kind) {
    case 'dir':
    case 'file':
    case 'program':
      return `${resource.kind}:${resource.path}`;
    case 'image':
      return `image:${resource.ref}`;
    case 'timer':
      return `timer:${resource.name}`;
    case 'container':
      return `container:${resource.service.name}`;
    case 'gone':
      return resource.of;
  }
}
