// What is known of an engine, and what it is asked to run.
import { CliError } from '../errors.ts';
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

/** It is not installed, which another engine makes up for; every other trouble with an engine is one to tell of. */
export class NoEngine extends CliError {}
/** It is installed, and has to be started. */
export class StoppedEngine extends CliError {}

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
