// The types of the mechanism: what should be (Resource), what differs (Drift), how to go back (Undo).
import type { Door } from './door.ts';
import type { Program } from './engines/docker.ts';
import type { Manager, PackageUndo } from './engines/packages.ts';
import type { Opening, Part } from './firewall.ts';
import type { Host } from './host.ts';
import type { Secret } from './secret.ts';

/** A container and everything that decides how it is started. Plain data: the plan is printed and compared. */
export interface Service {
  name: string;
  image: string;
  command: string[];
  publish: { bind: string; port: number; to: number }[];
  /** `label`: what SELinux lets in: Z one container, z several. */
  mounts: { source: string; target: string; readOnly: boolean; label?: 'z' | 'Z' }[];
  env: Record<string, string>;
  /** The directory of the set-up that it belongs to; a label, so that a container is known as ours. */
  owner: string;
  /** More arguments for `docker run`, from facts: log rotation, user namespaces. */
  options: string[];
  /** docker unless said: it goes with the container to its end, whatever engine is wanted by then. */
  engine?: Program;
}

/** A dockerd of this machine: where its files are, and how it hears that they changed. Plain data: a way back carries it. */
export interface Daemon {
  /** Its daemon.json. */
  config: string;
  /** The directory of trusted CAs, one directory a registry. */
  certs: string;
  /** The service, for systemctl. */
  unit: string;
  /** Whose service it is: of a rootless one, that user's. */
  uid: number;
  /** Docker Desktop: its files are read when the app starts, and nothing else makes it read them. */
  app?: true;
  /** What the command line is told to reach it by, when that is not its default. */
  socket?: string;
}

/** Programs that keep a login. */
export type LoginTool = 'docker' | 'podman' | 'buildah' | 'skopeo';

export type Directive = 'insecure-registries' | 'registry-mirrors';

export type Resource =
  /** `keep`: one that is there already stays as it is, whoever owns it. `shared`: parents that another set-up of ours made. */
  | { kind: 'dir'; path: string; mode: number; keep?: true; shared?: string[]; group?: string }
  /** `group`: whose members may read it, where its mode lets them. */
  | { kind: 'file'; path: string; content: string; mode: number; mask?: Mask | undefined; group?: string }
  /** The files of this program below a directory of their own, so that a timer can run it when npx has left nothing behind. */
  | { kind: 'program'; path: string; files: Record<string, string> }
  /** A systemd timer and the service that it starts; the texts of both units; `own`: of the person's own systemd. */
  | { kind: 'timer'; name: string; service: string; timer: string; own?: true }
  /** `service`: what it would start by itself, and must not; `runtime`: ours takes its name; `engine`: what it brings, for all. */
  | { kind: 'package'; manager: Manager; name: string; service?: string; runtime?: true; engine?: Program }
  /** The Docker of this machine runs; `boot`: and starts with it. */
  | { kind: 'engine'; boot: boolean }
  /** A user of the system and its group, both of that name. */
  | { kind: 'account'; name: string }
  /** A directory for images, and what a registry keeps in it: whose they are. */
  | { kind: 'owner'; path: string; user: string }
  /** A systemd service, switched on and running; `own`: of the person's own systemd. `door`: where it listens. */
  | { kind: 'unit'; name: string; text: string; own?: true; door?: Door }
  /** A program that a shell script keeps running where there is no systemd. */
  | { kind: 'process'; name: string; script: string; digest: string; door?: Door }
  /** The registry's program, taken out of an image in an archive; another program, from where it is not for long. */
  | { kind: 'binary'; path: string; ref: string; archive?: string | undefined }
  | { kind: 'copy'; path: string; from: string; mode: number }
  | { kind: 'image'; ref: string; archive?: string | undefined; engine?: Program }
  | { kind: 'container'; service: Service; digest: string }
  /** One entry of a list in daemon.json, there or not; the running dockerd has read it. */
  | {
      kind: 'daemonJson';
      daemon: Daemon;
      directive: Directive;
      entry: string;
      present: boolean;
      /** The file, or the list in it, is there by our own doing, for another registry. */
      made?: boolean;
      madeKey?: boolean;
    }
  /** Flags of dockerd that went into daemon.json, with one entry more: files that start it, and a restart. */
  | {
      kind: 'moved';
      daemon: Daemon;
      directive: Directive;
      /** What daemon.json has afterwards. */
      entries: string[];
      /** The files without the flags. */
      edits: { path: string; content: string }[];
      made?: boolean;
    }
  /** A CA in the trust store of the system; `restart`: a dockerd that has to read it, which it does at its start alone. */
  | {
      kind: 'trust';
      store: 'debian' | 'redhat' | 'suse' | 'arch';
      name: string;
      pem: string;
      restart?: Daemon;
    }
  /** A name in the hosts file. */
  | { kind: 'hosts'; path: string; name: string; address: string }
  | ({ kind: 'firewall' } & Opening)
  /** A registry that a command line is logged in to; `as`: whose login it is, when that is not who runs this. */
  | {
      kind: 'login';
      tool: LoginTool;
      registry: string;
      file: string;
      user: string;
      password: Secret;
      as?: string;
      socket?: string;
      /** The file or its directory, where another set-up of ours made them. */
      made?: string[];
    }
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
