// What is known of an engine, and what it is asked to run.
import { CliError, type ErrorParts } from '../errors.ts';
import type { EngineKind, Program } from '../settings/settings.ts';
import type { EnginePackage } from './packages.ts';

/** What a user calls it. */
export const TITLE: Record<Program, string> = { docker: 'Docker', podman: 'podman' };
/** The time in which a healthy engine answers a question; milliseconds. */
export const ANSWERS_WITHIN = 15_000;

export interface EngineInfo {
  kind: EngineKind;
  version: string;
  /** `json-file` without limits fills a disk with the registry's access log. */
  logDriver: string;
  /** User namespaces: the container's root cannot read the set-up's 0600 files. */
  userns: boolean;
  rootless: boolean;
  /** The package to install, if the engine is not installed. The other properties are then those of a fresh engine. */
  install?: EnginePackage;
  /** The engine does not run, and must be started before it can be asked anything; `boot`: from now on at boot. */
  start?: { boot: boolean };
}

/** Why no registry can run in an engine as it is. */
export interface NotReady {
  /**
   * `absent`: the engine is not here, but another one may take its place.
   * `stopped`: the engine is installed, and must be started.
   * `unusable`: the engine is here and does not work.
   */
  state: 'absent' | 'stopped' | 'unusable';
  /** What is wrong, in the user's words. */
  error: CliError;
  /** Those lines of the error's `fix` that do without this engine. */
  instead: string[];
}

/** The state of an engine. One that the plan installs or starts is `ready`, too. */
export type EngineState = { state: 'ready'; info: EngineInfo } | NotReady;

export const ready = (info: EngineInfo): EngineState => ({ state: 'ready', info });

/** @param parts those of the error; `fix`: what makes this engine ready; `instead`: what does without it */
export const notReady = (
  state: NotReady['state'],
  message: string,
  { instead = [], fix = [], ...parts }: Omit<ErrorParts, 'fix'> & { fix?: string[]; instead?: string[] } = {},
): NotReady => ({ state, error: new CliError(message, { ...parts, fix: [...fix, ...instead] }), instead });

/** Returns what is known of a ready engine. @throws CliError if it is not ready */
export function readyInfo(found: EngineState): EngineInfo {
  if (found.state !== 'ready') throw found.error;
  return found.info;
}

/** A container and everything that decides how it is started. Plain data: the plan is printed and compared. */
export interface Service {
  name: string;
  image: string;
  command: string[];
  publish: { bind: string; port: number; to: number }[];
  /** `label`: what SELinux lets in: Z one container, z several. */
  mounts: { source: string; target: string; readOnly: boolean; label?: 'z' | 'Z' }[];
  env: Record<string, string>;
  /** The directory of the set-up that it belongs to: a label that identifies the set-up's containers. */
  owner: string;
  /** A network of the set-up with an address that stays; by default the engine's own network. */
  network?: { name: string; ip: string; mac?: string };
  /** It stands behind a proxy: its clients wait at that door while it is replaced, and it listens on this port inside. */
  behind?: { bind: string; port: number; to: number };
  /** The program to start in place of the image's own. */
  entrypoint?: string;
  /** A user of this machine, by number; by default root without a capability. */
  user?: { uid: number; gid: number };
  /** Directories in memory that it may write to. */
  tmpfs?: string[];
  /** More arguments for `docker run`, from facts: log rotation, user namespaces. */
  options: string[];
  /** It is tried beside what runs, for a moment: nothing starts it again, and no file gets another label for it. */
  trial?: true;
  /** Docker by default. The container keeps its engine to its end, whatever engine is wanted by then. */
  engine?: Program;
}
