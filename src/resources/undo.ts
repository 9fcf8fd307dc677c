// The steps that take a change back, as data that survives a crash.
import type { Daemon, Directive } from '../dockerd/types.ts';
import type { PackageUndo } from '../engines/packages.ts';
import type { Opening, Part } from '../host/firewall/types.ts';
import type { Program } from '../settings/settings.ts';

/** The oldest undo of each resource, in the order in which they were made. */
export type Oldest = Map<string, { title: string; undo: Undo }>;

/** Programs that keep a login. */
export type LoginTool = 'docker' | 'podman' | 'buildah' | 'skopeo';

/** One thing that goes back. Data, not a closure, so that it survives a crash; each can be done twice without harm. */
export type UndoStep =
  | { do: 'restore'; path: string; copy: string; mode: number; uid: number; gid: number }
  | { do: 'remove'; path: string }
  | { do: 'rmdir'; path: string }
  | { do: 'chmod'; path: string; mode: number; uid: number; gid: number }
  /** `owner`: one of that name which is somebody else's is never touched. */
  | ({ do: 'container'; name: string; owner: string; former?: { id: string; running: boolean } } & By)
  | ({ do: 'start'; id: string } & By)
  | ({ do: 'discard'; id: string; unless?: string } & By)
  | ({ do: 'image'; ref: string } & By)
  | ({ do: 'package' } & PackageUndo)
  /** How each service of Docker was: the socket first, since it would start the others again. */
  | { do: 'engine'; units: { name: string; active: boolean; enabled: boolean }[] }
  | { do: 'account'; name: string }
  | { do: 'owner'; path: string; uid: number; gid: number }
  | { do: 'unit'; name: string; on: boolean; own?: true }
  | { do: 'process'; name: string; script: string; digest?: string }
  /** What a proof was about to push. `digests`: SHA-256, hexadecimal. */
  | { do: 'testImage'; storage: string; repository: string; digests: string[] }
  | { do: 'removeTree'; path: string }
  | { do: 'rename'; from: string; to: string }
  | { do: 'timer'; name: string; on: boolean; own?: true }
  | ({
      do: 'daemonJson';
      daemon: Daemon;
      directive: Directive;
      entry: string;
      present: boolean;
      /** A restart follows: nothing is reloaded and nothing is read back. */
      quiet?: true;
    } & Before)
  | { do: 'trustStore'; store: 'debian' | 'redhat' | 'suse' | 'arch' }
  /** It reads its flags when it starts, and only then. */
  | { do: 'restart'; daemon: Daemon }
  | ({ do: 'line'; path: string; line: string } & Before)
  | { do: 'firewall'; opening: Opening; present: boolean; parts?: Part[] }
  | ({ do: 'login'; tool: LoginTool; registry: string; as?: string } & Before & { path: string });

/** The engine of a container; docker unless said. */
type By = { engine?: Program };

/** A file that others write to as well, before we did: its bytes, for when nobody has touched it since. */
export interface Before {
  copy?: string;
  mode: number;
  uid: number;
  gid: number;
  /** SHA-256 of what we wrote; undefined: the copy counts whatever is there now. */
  wrote?: string;
  /** There was none; it goes when nothing is left in it. */
  made: boolean;
  /** Its key was not there; it goes, too. */
  madeKey?: boolean;
}

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
