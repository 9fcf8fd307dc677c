// Counts pulls and pushes in the access log of the registry. (Apache's combined format: distribution, registry/handlers/app.go)
import { inspect } from '../engines/containers.ts';
import { logLines } from '../engines/engine.ts';
import type { Host } from '../host/host.ts';
import { accessOf } from '../registry/access-log.ts';
import { OUR_AGENT } from '../registry/http.ts';
import type { Settings } from '../settings/settings.ts';

const DAY = 24 * 3_600_000;

/** The most lines of the log that are read: some thousand requests, and less than Docker keeps of a log. (server/plan/container.ts) */
const LINES = 20_000;

/** What clients did in the last day, or since the log begins. */
export interface Traffic {
  /** When it was counted. */
  at: string;
  since: string;
  pulls: number;
  pushes: number;
}

/** A manifest of the same image follows within so many milliseconds. */
const TOGETHER = 60_000;

/**
 * Counts what clients did. A pull reads several manifests: it asks what a tag leads to (HEAD, by some clients), reads an index, and the
 * manifest for its platform. All of them are one pull. A push writes the manifest with the tag last.
 */
export function trafficOf(
  lines: string[],
  since: Date,
): { pulls: number; pushes: number; first: Date | undefined } {
  const reading = new Map<string, { asked: boolean; last: number }>();
  let [pulls, pushes] = [0, 0];
  let first: Date | undefined;
  for (const line of lines) {
    const access = accessOf(line);
    if (!access || access.at < since.getTime()) continue;
    first ??= new Date(access.at);
    const { at, from, method, path, status, agent } = access;
    const [, repository = '', reference = ''] = /^\/v2\/(.+)\/manifests\/([^/?]+)$/.exec(path) ?? [];
    // The proof's own test images.
    if (!repository || /(^|\/)registry-setup-check-/.test(repository)) continue;
    const isTag = !reference.includes(':');
    if (method === 'PUT' && status === 201 && isTag) pushes++;
    // Lists and removals of this program read every manifest.
    if (status !== 200 || agent.startsWith(OUR_AGENT)) continue;
    const key = JSON.stringify([from, agent, repository]);
    const { asked = false, last = 0 } = reading.get(key) ?? {};
    if (method === 'HEAD' && isTag) reading.set(key, { asked: true, last });
    if (method !== 'GET') continue;
    if (isTag || asked || at - last > TOGETHER) pulls++;
    reading.set(key, { asked: false, last: at });
  }
  return { pulls, pushes, first };
}

/** Counts the last day. @param timeout milliseconds @returns undefined if the log cannot be read in that time */
export async function countTraffic(
  host: Host,
  settings: Settings,
  timeout: number,
  now = new Date(),
): Promise<Traffic | undefined> {
  const dayAgo = new Date(now.getTime() - DAY);
  const [lines, begins] = await Promise.all([
    logLines(host, settings, { lines: LINES, since: dayAgo, timeout, question: true }).catch(() => undefined),
    beginOfLog(host, settings).catch(() => undefined),
  ]);
  if (!lines) return undefined;
  const { pulls, pushes, first } = trafficOf(lines, dayAgo);
  // A log that is read to its limit tells of a part of the day.
  const from = lines.length >= LINES ? (first ?? now) : dayAgo;
  const since = begins && begins > from ? begins : from;
  return { at: now.toISOString(), since: since.toISOString(), pulls, pushes };
}

/** Returns when the log begins: that of a container with the container, which each change of the settings replaces. */
const beginOfLog = async (host: Host, { engine, name }: Settings): Promise<Date | undefined> =>
  engine === 'native' ? undefined : (await inspect(host, name, engine))?.created;
