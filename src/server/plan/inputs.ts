// The facts about the machine that a plan is made from.
import type { Keeper } from '../../host/service-manager.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Native } from './native.ts';
import type { Renewal } from './renewal.ts';

/** What the plan must know of the machine. */
export interface PlanFacts {
  /** `json-file` is the one that needs limits. */
  logDriver: string;
  userns: boolean;
  archive?: string | undefined;
  /** 2 or 3; undefined while the image is not here. */
  registryMajor?: number | undefined;
  /** Undefined where there is nothing to renew. */
  renewal?: Renewal | undefined;
  /** The settings file as it is; undefined where there is none. */
  settingsText?: string | undefined;
  /** The registry as a program of this machine, when that is the engine. */
  native?: Native | undefined;
  /** SELinux is on: what is mounted must be labelled for containers. */
  selinux?: boolean;
  /** What starts podman's containers with the machine. */
  keeper?: Keeper | undefined;
  /** What the machine itself needs for the registry to be found. */
  around?: Resource[];
}
