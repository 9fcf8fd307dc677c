// What a target is: one program of this machine that pulls images, where it keeps its trust, and how it is proven.
import type { X509Certificate } from 'node:crypto';
import type { Daemon } from '../dockerd/types.ts';
import type { Host } from '../host/host.ts';
import type { Resource, ResourceOf } from '../resources/resource.ts';
import type { Found } from './discover.ts';
import type { Wish } from './options.ts';

/** `public`: this machine trusts it already, by the roots that it came with. */
export type Trust =
  | { kind: 'http' }
  | { kind: 'public'; bundle?: string }
  | { kind: 'roots'; roots: X509Certificate[]; known: boolean };

export const TARGETS = [
  'docker',
  'rootless',
  'snap',
  'desktop',
  'podman',
  'containerd',
  'k3s',
  'buildkit',
  'system',
] as const;
export type TargetName = (typeof TARGETS)[number];

/** Who runs this, and for whom: by sudo, a login is the person's and not root's. */
export interface Person {
  uid: number;
  home: string;
  /** Set where root works for somebody else. */
  as?: string;
}

export interface Look {
  host: Host;
  env: NodeJS.ProcessEnv;
  wish: Wish;
  /** Whether a program is there: looked for, and not started. */
  has(program: string): Promise<boolean>;
  person: Person;
  /** Paths that are there by our own doing, for other registries. */
  made: Set<string>;
  /** Asked before a restart is planned; the same question once. */
  mayRestart(daemon: Daemon, reason: string): Promise<boolean>;
  /** Targets that will not be able to pull, and why: told, and not tried. */
  blocked: Map<TargetName, string>;
}

/** Which program keeps the login, and in which file. */
export type LoginPlace = Omit<ResourceOf<'login'>, 'kind' | 'registry' | 'user' | 'password'>;

export interface Pull {
  /**
   * `10.0.3.17:5000/team/app@sha256:…`, or one that is not there. By its digest, so that no tag of this machine moves to it: somebody
   * may have built another image here under the same name.
   */
  image: string;
  /** What it is called: `10.0.3.17:5000/team/app:1.0`. */
  name: string;
  /** It is there: so the pull must succeed. */
  exists: boolean;
}

export interface Target {
  name: TargetName;
  /** `Docker 28.5.2` */
  label: string;
  /** What it costs: `no restart`. */
  note?: string;
  /** The directory of the CAs that it trusts for that registry. */
  certs?: string;
  /** Keys of the resources that are this target's to take away again begin so. */
  owns: string[];
  /** What it takes to trust that registry. Reads only. @throws CliError for what would break it */
  resources(trust: Trust, found: Found): Promise<Resource[]>;
  login?: LoginPlace | undefined;
  /** Files of logins, of which it sends the one for the registry that it pulls from. */
  reads?: string[];
  /** A real pull; undefined where it can prove nothing now. @throws CliError with the program's own words */
  prove?(pull: Pull): Promise<void>;
  /** What is left for the person: an app to restart, a line to run. */
  after?: string[];
  /** What is worth knowing before. */
  warnings?: string[];
}

export type Finder = (look: Look) => Promise<Target | undefined>;
