// What is known of an engine, and what it is asked to run.
import { CliError, type ErrorParts } from '../errors.ts';
import type { EngineKind, Program } from '../settings/settings.ts';
import type { EnginePackage } from './packages.ts';

/** What a person calls it. */
export const TITLE: Record<Program, string> = { docker: 'Docker', podman: 'podman' };
/** The time in which a healthy engine answers a question; milliseconds. */
export const ANSWERS_WITHIN = 15_000;

export interface EngineInfo {
  kind: EngineKind;
  version: string;
  /** `json-file` without limits fills a disk with the registry's access log. */
  logDriver: string;
  /** User namespaces: the container's root cannot read our 0600 files. */
  userns: boolean;
  rootless: boolean;
  /** It is not installed: the package that brings it. What else is said here is what a fresh engine says. */
  install?: EnginePackage;
  /** It does not run, and has to be started before anything can be asked of it; `boot`: from now on with the machine. */
  start?: { boot: boolean };
}

/** Why no registry can be run in an engine as it is. */
export interface NotReady {
  /**
   * `absent`: it is not here, which another engine makes up for.
   * `stopped`: it is installed, and has to be started.
   * `unusable`: it is here and does not work.
   */
  state: 'absent' | 'stopped' | 'unusable';
  /** What is wrong, in the words of the person. */
  error: CliError;
  /** Those lines of the error's `fix` that do without this engine. */
  instead: string[];
}

/** What was found of an engine. `ready` is also one that the plan installs or starts. */
export type EngineState = { state: 'ready'; info: EngineInfo } | NotReady;

export const ready = (info: EngineInfo): EngineState => ({ state: 'ready', info });

/** @param parts those of the error; `fix`: what makes this engine ready; `instead`: what does without it */
export const notReady = (
  state: NotReady['state'],
  message: string,
  { instead = [], fix = [], ...parts }: Omit<ErrorParts, 'fix'> & { fix?: string[]; instead?: string[] } = {},
): NotReady => ({ state, error: new CliError(message, { ...parts, fix: [...fix, ...instead] }), instead });

/** @throws CliError where it is not ready */
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
  /** The directory of the set-up that it belongs to; a label, so that a container is known as ours. */
  owner: string;
  /** More arguments for `docker run`, from facts: log rotation, user namespaces. */
  options: string[];
  /** docker unless said: it goes with the container to its end, whatever engine is wanted by then. */
  engine?: Program;
}
