// Defines the request to a server, its plan and its outcome.
import type { Certificates } from '../certificates/certificates.ts';
import type { EngineInfo } from '../engines/types.ts';
import type { Change } from '../reconcile/reconcile.ts';
import type { Secret } from '../secret.ts';
import type { Settings } from '../settings/settings.ts';
import type { Facts } from './plan/facts.ts';
import type { Kept } from './plan/kept.ts';
import type { Secrets } from './plan/secrets.ts';

/** The request: settings, and everything that is needed to plan and apply them. */
export interface ServerRequest {
  settings: Settings;
  facts: Facts;
  engine: EngineInfo;
  /** By user; `new`: generate one. */
  passwords: Map<string, Secret | 'new'>;
  archive?: string | undefined;
  certificates: Certificates;
  /** The files of a backup that the registry is restored from: what fits of them is kept. */
  kept?: Kept;
  /** The registry is upgraded from 2 to 3: it takes tokens of before as well. By default as until now. */
  legacyTokens?: boolean;
  /** A program out of an image that takes the place of the registry's program of this machine. */
  program?: { path: string; sha256: string };
  /** Images that this run leaves here for the way back, though nothing runs from them. By default those of the last upgrade. */
  former?: string[];
  /** The user asked for a new CA, or for a new certificate that clients trust itself. */
  newTrust?: boolean;
}

export interface Prepared {
  /** The changes that install or start the engine. */
  engine: Change[];
  /** All changes, those of the engine included. */
  changes: Change[];
  secrets: Secrets;
  /** The command that must run every day, if nothing on this machine can run it. */
  renewByHand?: string | undefined;
}

export interface Outcome extends Omit<Prepared, 'engine'> {
  /** The file with the generated passwords, if no terminal showed them. */
  passwordFile?: string;
}
