// Defines a target: one program on this machine that pulls images, where it stores its trust, and how it proves a pull.
import type { X509Certificate } from 'node:crypto';
import type { Daemon } from '../dockerd/types.ts';
import type { Host } from '../host/host.ts';
import type { Resource, ResourceOf } from '../resources/resource.ts';
import type { Found } from './discover.ts';
import type { ClientRequest } from './options.ts';

/** `public`: this machine trusts the server already, by its own roots. `known`: the CA is trusted already. */
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

/** The user who runs this program, and for whom: with sudo, a login belongs to the user who typed it and not to root. */
export interface Person {
  uid: number;
  home: string;
  /** The account for which root works, if it is not root's own. */
  as?: string;
}

export interface Look {
  host: Host;
  env: NodeJS.ProcessEnv;
  request: ClientRequest;
  /** Tells whether a program is here, without starting it. */
  has(program: string): Promise<boolean>;
  person: Person;
  /** Paths that this program made for other registries. */
  made: Set<string>;
  /** Asks before a restart is planned; the same question only once. */
  mayRestart(daemon: Daemon, reason: string): Promise<boolean>;
  /** Targets that will not be able to pull, and why: reported, and not tried. */
  blocked: Map<TargetName, string>;
}

/** The program that stores the login, and its file. */
export type LoginPlace = Omit<ResourceOf<'login'>, 'kind' | 'registry' | 'user' | 'password'>;

export interface Pull {
  /**
   * `10.0.3.17:5000/team/app@sha256:…`, or an image that does not exist. By its digest, so that no tag on this machine moves to it: a
   * user may have built another image here under the same name.
   */
  image: string;
  /** Its name: `10.0.3.17:5000/team/app:1.0`. */
  name: string;
  /** The image exists, so the pull must succeed. */
  exists: boolean;
}

export interface Target {
  name: TargetName;
  /** `Docker 28.5.2` */
  label: string;
  /** What the change costs: `no restart`. */
  note?: string;
  /** The directory of the CAs that the target trusts for the registry. */
  certs?: string;
  /** The beginnings of the ids of resources that this target may remove again. */
  owns: string[];
  /** Returns the resources for the trust in the registry. Reads only. @throws CliError for what would break the target */
  resources(trust: Trust, found: Found): Promise<Resource[]>;
  login?: LoginPlace | undefined;
  /** Files of logins: the target sends the one for the registry that it pulls from. */
  reads?: string[];
  /** Pulls an image; undefined if the target can prove nothing now. @throws CliError with the program's own words */
  prove?(pull: Pull): Promise<void>;
  /** What is left for the user: an app to restart, a line to run. */
  after?: string[];
  /** What the user should know before the change. */
  warnings?: string[];
}

export type Finder = (look: Look) => Promise<Target | undefined>;
