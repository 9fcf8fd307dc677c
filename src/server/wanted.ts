// The request to a server: its settings, and everything that is needed to plan and apply them.
import type { Certificates } from '../certificates/certificates.ts';
import type { EngineInfo } from '../engines/types.ts';
import type { Change } from '../reconcile/reconcile.ts';
import type { Secret } from '../secret.ts';
import type { Settings } from '../settings/settings.ts';
import type { Facts } from './plan/facts.ts';
import type { Material } from './plan/secrets.ts';

/** What was wanted, and what it takes. */
export interface Wanted {
  settings: Settings;
  facts: Facts;
  engine: EngineInfo;
  /** By user; `new`: make one. */
  passwords: Map<string, Secret | 'new'>;
  archive?: string | undefined;
  certificates: Certificates;
}

export interface Prepared {
  /** What brings the engine, where it is not here yet. */
  engine: Change[];
  /** All of them. */
  changes: Change[];
  material: Material;
  /** What must be run every day by hand, where nothing on this machine can. */
  renewByHand?: string | undefined;
}

export interface Outcome extends Omit<Prepared, 'engine'> {
  /** Where a generated password was written, when no terminal showed it. */
  passwordFile?: string;
}
