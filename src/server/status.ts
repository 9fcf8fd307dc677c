// Finds out the state of the registry, as data; `status` and the menu print it.
import { type CertificateFacts, certificateFacts } from '../certificates/description.ts';
import { describeCertificate } from '../certificates/fields.ts';
import { readServed } from '../certificates/site.ts';
import type { Context } from '../context.ts';
import type { Host } from '../host/host.ts';
import { readOldest, readUnfinished } from '../reconcile/journal.ts';
import type { Change } from '../reconcile/reconcile.ts';
import { localEndpoint } from '../registry/endpoint.ts';
import { ask } from '../registry/http.ts';
import type { Settings } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { handedOut, lostTrust } from './checks/lost-trust.ts';
import { moved } from './checks/storage.ts';
import { takesTokens } from './checks/tokens.ts';
import { seenHere } from './plan/seen.ts';
import { preview } from './run.ts';
import type { Wanted } from './wanted.ts';

/** The result of one check. */
interface Finding {
  name: 'answer' | 'tokens' | 'unfinished' | 'trust' | 'storage' | 'record' | 'drift';
  ok: boolean;
  /** One sentence, if the check failed. */
  cause?: string;
  /** The command that repairs it, ready to paste. */
  fix?: string;
}

/** The answer to an anonymous request. */
export interface Answer {
  /** The status is 200 without logins, or 401 with logins. */
  ok: boolean;
  /** The HTTP status; undefined if there was no answer. */
  status?: number;
}

/** What is quick to find out. */
export interface Glance {
  answer: Answer;
  /** The disk that holds the images; bytes. */
  space: { free: number; total: number };
  /** Whole days until the served certificate ends, negative after that; undefined if none is served. */
  daysLeft: number | undefined;
  /** Addresses of this machine that the certificate lacks. */
  lacks: string[];
}

export interface ServerStatus extends Glance {
  findings: Finding[];
  certificates: CertificateFacts | undefined;
  /** The registry accepts the tokens of docker_auth; true without docker_auth. */
  takesTokens: boolean;
  /** The command of a run that was killed. */
  unfinished: string | undefined;
  /** What the next run would change. */
  changes: Change[];
}

/** How long to wait for an answer; milliseconds. */
const PATIENCE = 3_000;

/** Checks the registry and its certificate, but does not compare the machine with the plan. Reads only. */
export async function glance({ host }: Context, { settings, certificates }: Wanted): Promise<Glance> {
  const { site } = certificates;
  const endpoint = await endpointOf({ settings, certificates }, host);
  const [answer, space, served] = await Promise.all([
    answerOf(settings, endpoint),
    host.space(settings.storage),
    site ? servedDays(host, settings.dir) : undefined,
  ]);
  return { answer, space, daysLeft: served, lacks: site?.lacks ?? [] };
}

/** Checks everything that `status` tells; `findings` has the result of each check. Reads only. */
export async function look(context: Context, wanted: Wanted): Promise<ServerStatus> {
  const { settings, certificates } = wanted;
  const { site } = certificates;
  const planned = preview(wanted, context);
  const tokens = planned.then(async ({ material: { witness } }) =>
    witness ? takesTokens(await endpointOf(wanted, context.host), witness).catch(() => false) : true,
  );
  const [seen, left, { changes }, takes, lost, [elsewhere], forgotten] = await Promise.all([
    glance(context, wanted),
    readUnfinished(context.host, settings.dir),
    planned,
    tokens,
    lostTrust(wanted, context.host),
    moved(settings, wanted.facts, context.host),
    unrecorded(context.host, settings.dir),
  ]);
  const whole = forgotten.length === 0;
  const unfinished = left?.command;
  const unreadable = left?.unreadable
    ? `, but for what ${left.unreadable} damaged ${left.unreadable > 1 ? 'lines' : 'line'} of its journal told of`
    : '';
  return {
    ...seen,
    certificates: site && certificateFacts(site),
    takesTokens: takes,
    unfinished,
    changes,
    findings: [
      finding('answer', seen.answer.ok, { cause: `The registry ${answerText(seen.answer)}.` }),
      finding('tokens', takes, {
        cause: 'It does not take the tokens of docker_auth: nobody can log in.',
      }),
      finding('unfinished', left === undefined, {
        cause: `The run "${unfinished}" was cut off; the next one puts back what it had done${unreadable}.`,
        fix: commandLine('--yes'),
      }),
      finding('trust', lost === undefined, {
        ...(lost && { cause: lost.message, fix: lost.fix.join('\n') }),
      }),
      finding('storage', elsewhere === undefined, {
        ...(elsewhere && { cause: elsewhere.message, fix: elsewhere.fix.join('\n') }),
      }),
      finding('record', whole, {
        cause: `No record tells of ${forgotten.join(', ')}: what was here before is not known.`,
        fix: commandLine('--yes'),
      }),
      finding('drift', changes.length === 0, {
        cause: 'The machine differs from the plan.',
        fix: commandLine('--yes'),
      }),
    ],
  };
}

/** Returns the answer as words: `answers`, `does not answer`, `answers with HTTP 503`. */
export const answerText = ({ ok, status }: Answer): string =>
  ok ? 'answers' : status === undefined ? 'does not answer' : `answers with HTTP ${status}`;

const finding = (name: Finding['name'], ok: boolean, wrong: Pick<Finding, 'cause' | 'fix'>): Finding =>
  ok ? { name, ok } : { name, ok, ...wrong };

/** Returns the endpoint as clients know it: with the roots that were handed out, not with those that a run would make. */
async function endpointOf(
  { settings, certificates: { site } }: Pick<Wanted, 'settings' | 'certificates'>,
  host: Host,
) {
  const roots = site && ((await handedOut(host, settings.dir)) ?? site.roots);
  return localEndpoint(settings, site?.publicCa ? undefined : roots);
}

/** Returns what is here of the registry and in no record, in words; a run that was cut off has a record of its own. */
async function unrecorded(host: Host, dir: string): Promise<string[]> {
  if (await readUnfinished(host, dir)) return [];
  const seen = await seenHere(host, dir, await readOldest(host, dir));
  return [...seen.values()]
    .filter(({ key }) => ['container', 'unit', 'timer'].includes(key.kind))
    .map(({ title }) => title);
}

const answerOf = ({ auth }: Settings, at: ReturnType<typeof localEndpoint>): Promise<Answer> =>
  ask(at, 'GET', '/v2/', { timeout: PATIENCE }).then(
    ({ status }) => ({ ok: status === (auth === 'none' ? 200 : 401), status }),
    () => ({ ok: false }),
  );

/** Returns the days left of the certificate on the disk, not of one that the next run would replace it by. */
async function servedDays(host: Host, dir: string): Promise<number | undefined> {
  const [leaf] = (await readServed(host, dir))?.chain ?? [];
  return leaf ? describeCertificate(leaf).daysLeft : undefined;
}
