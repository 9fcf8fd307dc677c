// The types of the mechanism: what should be (Resource), what differs (Drift), how to go back (Undo).
import type { Daemon, Directive } from '../dockerd/types.ts';
import type { Manager } from '../engines/packages.ts';
import type { Service } from '../engines/types.ts';
import type { Opening } from '../host/firewall/types.ts';
import type { Door } from '../host/hold-connections.ts';
import type { Host } from '../host/host.ts';
import type { Secret } from '../secret.ts';
import type { Program } from '../settings/settings.ts';
import type { Mask } from '../terminal/diff.ts';
import type { Report } from '../terminal/output.ts';
import type { LoginTool, Undo, Vault } from './undo.ts';

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

export type ResourceOf<K extends Resource['kind']> = Extract<Resource, { kind: K }>;

/** How a resource differs from what is there. */
export interface Drift {
  what: 'create' | 'change' | 'start' | 'remove';
  /** For the person: a unified diff, a command that will be run, a reason. Secrets are masked already. */
  details: string[];
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
