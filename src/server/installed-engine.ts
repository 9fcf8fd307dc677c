// Asks an engine that the plan has installed or started. Until then the plan rests on assumptions about it (engines/pending.ts).
import { findEngine } from '../engines/engine.ts';
import { type EngineInfo, readyInfo } from '../engines/types.ts';
import type { Host } from '../host/host.ts';
import { listeningPorts } from '../host/ports.ts';
import type { Settings } from '../settings/settings.ts';
import { findingsError } from './checks/finding.ts';
import { INSIDE, preflight } from './checks/preflight.ts';
import type { Facts } from './plan/facts.ts';

/**
 * Returns the facts with those of the engine, which runs by now.
 * @throws CliError if the engine does not answer, or holds something that is in the way
 */
export async function checkInstalledEngine(
  host: Host,
  settings: Settings,
  facts: Facts,
): Promise<{ facts: Facts; engine: EngineInfo }> {
  const engine = await findEngine(host, settings.engine);
  const info = readyInfo(engine);
  const now = { ...facts, engine, listening: await listeningPorts(host) };
  const failed = findingsError(await preflight(settings, now, host, INSIDE));
  if (failed) throw failed;
  return { facts: now, engine: info };
}
