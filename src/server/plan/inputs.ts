// Defines the facts about the machine that a plan is made from.
import type { ServiceManager } from '../../host/service-manager.ts';
import type { Resource } from '../../resources/resource.ts';
import type { OwnBlocks } from '../auth/own-blocks.ts';
import type { GatewayFacts } from '../gateway/gateway.ts';
import type { Native } from './native.ts';
import type { Renewal } from './renewal.ts';

export interface PlanFacts {
  /** The engine's log driver: `json-file` and `k8s-file` need limits. */
  logDriver: string;
  userns: boolean;
  archive?: string | undefined;
  /** 2 or 3; undefined while the image is not here. */
  registryMajor?: number | undefined;
  /** The registry takes tokens from the time when registry 2 ran here, too. */
  legacyTokens?: boolean;
  /** Undefined if there is nothing to renew. */
  renewal?: Renewal | undefined;
  /** The settings file as it is; undefined if there is none. */
  settingsText?: string | undefined;
  /** The registry as a program of this machine, if that is the engine. */
  native?: Native | undefined;
  /** What the user has added to the configuration of docker_auth. */
  ownBlocks?: OwnBlocks | undefined;
  /** Pushes and deletions are refused while this is so. */
  readOnly?: boolean;
  /** nginx stands in front of the registry. */
  gateway?: GatewayFacts | undefined;
  /** SELinux is on: mounts need a label for containers. */
  selinux?: boolean;
  /** What starts podman's containers with the machine. */
  serviceManager?: ServiceManager | undefined;
  /** Firewall rules and the hosts line, by which the registry is found. */
  networkResources?: Resource[];
}
