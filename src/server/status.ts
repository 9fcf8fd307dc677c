// Finds out the state of the registry, as data; `status` and the menu print it.
import { join } from 'node:path';
import { type CertificateFacts, certificateFacts } from '../certificates/description.ts';
import { type Site, siteOnDisk } from '../certificates/site.ts';
import type { Context } from '../context.ts';
import type { Host } from '../host/host.ts';
import { VERSION } from '../package.ts';
import { isNewer, lastVersion, readOldest, readUnfinished } from '../reconcile/journal.ts';
import { lockHolder } from '../reconcile/lock.ts';
import type { Change } from '../reconcile/reconcile.ts';
import { publicAddress } from '../settings/public-address.ts';
import type { Settings } from '../settings/settings.ts';
import { hasDockerAuth } from '../settings/token-server.ts';
import { commandLine } from '../terminal/command.ts';
import { authConfigLogins } from './auth/docker-auth.ts';
import type { Finding as Obstacle } from './checks/finding.ts';
import { lostTrust } from './checks/lost-trust.ts';
import { bound } from './checks/names.ts';
import { lookOutside, proxyFix } from './checks/outside.ts';
import { port } from './checks/ports.ts';
import { moved } from './checks/storage.ts';
import { takesTokens } from './checks/tokens.ts';
import { type Counts, countNow } from './counts.ts';
import { fullInDays } from './forecast.ts';
import { answerText, type Glance, glance } from './glance.ts';
import { preview } from './make-plan.ts';
import { type Notes, readNotes } from './notes.ts';
import { ownEndpoint } from './plan/endpoint.ts';
import { seenHere } from './plan/seen.ts';
import { isReadOnly } from './read-only.ts';
import type { ServerRequest } from './request.ts';

/** The result of one check. */
interface Finding {
  name:
    | 'answer'
    | 'certificate'
    | 'tokens'
    | 'outside'
    | 'unfinished'
    | 'trust'
    | 'storage'
    | 'record'
    | 'drift';
  ok: boolean;
  /** One sentence, if the check failed. */
  cause?: string;
  /** The command that repairs it, ready to paste. */
  fix?: string;
}

export interface ServerStatus extends Glance {
  /** What maintenance did last, and what the registry held when it was last counted. */
  notes: Notes;
  /** What was counted for this look, to be kept for the next ones. */
  counts: Counts;
  /** Days until the disk is full, at the rate of the last weeks; undefined if that cannot be told. */
  fullInDays: number | undefined;
  findings: Finding[];
  /** The certificate that is served, and not one that the next run would make; undefined if none is. */
  served: Site | undefined;
  certificates: CertificateFacts | undefined;
  /** The registry accepts the tokens of docker_auth; true without docker_auth, undefined if that cannot be asked. */
  takesTokens: boolean | undefined;
  /** The command of a run that was killed. */
  unfinished: string | undefined;
  /** The run that is changing the registry just now. */
  atWork: { command: string; since: string } | undefined;
  /** Its configuration refuses pushes: a collection is at work, or was cut off. */
  readOnly: boolean;
  /** An older version set this up, and the changes are what this version does in another way. */
  outdated: boolean;
  /** What holds the registry's port in its place, or that its address is gone. */
  obstacle: Pick<Obstacle, 'message' | 'why' | 'fix'> | undefined;
  /** What the next run would change. */
  changes: Change[];
}

/** How long the log of the registry may be read; milliseconds. Everything else takes about as long. */
const PATIENCE_FOR_COUNTS = 500;

/** Checks everything that `status` tells; `findings` has the result of each check. Reads only. */
export async function look(context: Context, request: ServerRequest): Promise<ServerStatus> {
  const { settings, certificates } = request;
  const { site } = certificates;
  const planned = preview(request, context);
  const onDisk = site && (await siteOnDisk(context.host, settings.dir, site));
  const at = ownEndpoint(settings, onDisk ?? site);
  // An older version has given docker_auth no probe account, or another one: then nothing can be asked.
  const logins = hasDockerAuth(settings) ? await authConfigLogins(context.host, settings.dir) : [];
  const tokens = planned.then(({ secrets: { probeAccount } }) => {
    if (!probeAccount) return true;
    const isKnown = logins.some(({ name, hash }) => name === probeAccount.name && hash === probeAccount.hash);
    return isKnown ? takesTokens(at, probeAccount).catch(() => false) : undefined;
  });
  const [
    seen,
    journal,
    holder,
    { changes },
    takes,
    lost,
    [elsewhere],
    forgotten,
    kept,
    counts,
    refuses,
    outside,
  ] = await Promise.all([
    glance(context, request),
    readUnfinished(context.host, settings.dir),
    lockHolder(context.host, settings.dir),
    planned,
    tokens,
    lostTrust(request, context.host),
    moved(settings, request.facts, context.host),
    unrecorded(context.host, settings.dir),
    readNotes(context.host, settings.dir),
    countNow(context, settings, PATIENCE_FOR_COUNTS),
    isReadOnly(context.host, settings.dir),
    lookOutside(settings, context),
  ]);
  // A journal is that of a killed run, or of one that has not ended yet.
  const atWork = journal && holder && { command: holder.command, since: holder.since };
  const left = atWork ? undefined : journal;
  const notes = { ...kept, ...(counts.traffic && { traffic: counts.traffic }) };
  const whole = forgotten.length === 0;
  const unfinished = left?.command;
  // Another container or program may have taken the port while the registry was off.
  const isWell = seen.answer.ok && changes.length === 0;
  const [taken] = isWell ? [] : await port(settings, request.facts, context.host);
  const [away] = seen.answer.ok ? [] : await bound(settings, request.facts, context.host);
  const obstacle = taken ?? away;
  const well = seen.answer.ok && !obstacle && takes !== false && !left;
  const outdated = well && (await byVersion(changes, settings, context.host));
  const unreadable = left?.unreadable
    ? `, but for what ${left.unreadable} damaged ${left.unreadable > 1 ? 'lines' : 'line'} of its journal told of`
    : '';
  return {
    ...seen,
    notes,
    counts,
    fullInDays: fullInDays(notes.disk ?? [], counts.disk),
    served: onDisk,
    certificates: onDisk && certificateFacts(onDisk),
    takesTokens: takes,
    unfinished,
    atWork,
    readOnly: refuses,
    obstacle,
    changes,
    outdated,
    findings: [
      finding('answer', seen.answer.ok && !obstacle, {
        cause: [`The registry ${answerText(seen.answer)}.`, obstacle?.message ?? []].flat().join(' '),
      }),
      finding('certificate', seen.fault === undefined, seen.fault ?? {}),
      finding('tokens', takes !== false, {
        cause: 'It does not accept the tokens of docker_auth: nobody can log in.',
      }),
      finding('outside', outside === undefined || outside.state === 'here', {
        ...(outside &&
          outside.state !== 'here' && {
            cause: `${publicAddress(settings).origin} does not lead to this registry: ${outside.why}.`,
            fix: proxyFix(settings).slice(0, 1).join('\n'),
          }),
      }),
      finding('unfinished', left === undefined, {
        cause: `The run "${unfinished}" was interrupted; the next run undoes what it had done${unreadable}.${refuses ? ' Until then the registry refuses pushes.' : ''}`,
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
      finding('drift', changes.length === 0 || outdated || atWork !== undefined, {
        cause: 'The machine differs from the plan.',
        fix: commandLine('--yes'),
      }),
    ],
  };
}

/** Kinds that another version plans in another way. The rest is what a run has made on this machine, or a state of it. */
const PLANNED: Change['resource']['kind'][] = [
  'program',
  'timer',
  'file',
  'dir',
  'unit',
  'container',
  'removal',
];

/**
 * Tells whether the changes come from another version alone: an older one worked here last, or its copy is here and not that of this
 * version, and all of them are files and what is made from them.
 */
async function byVersion(changes: Change[], { dir }: Settings, host: Host): Promise<boolean> {
  if (changes.length === 0) return false;
  const newer = ({ drift, resource: { kind } }: Change) =>
    PLANNED.includes(kind) && drift.what !== 'start' && !(kind === 'container' && drift.what === 'create');
  if (!changes.every(newer)) return false;
  const by = await lastVersion(host, dir);
  if (by !== undefined && isNewer(VERSION, by)) return true;
  const copies = await host.list(join(dir, 'program'));
  return (
    changes.some(({ drift, resource: { kind } }) => kind === 'program' && drift.what === 'create') &&
    copies.length > 0
  );
}

const finding = (name: Finding['name'], ok: boolean, wrong: Pick<Finding, 'cause' | 'fix'>): Finding =>
  ok ? { name, ok } : { name, ok, ...wrong };

/** Returns what is here of the registry and in no record, in words; a run that was cut off has a record of its own. */
async function unrecorded(host: Host, dir: string): Promise<string[]> {
  if (await readUnfinished(host, dir)) return [];
  const seen = await seenHere(host, dir, await readOldest(host, dir));
  return [...seen.values()]
    .filter(({ key }) => ['container', 'unit', 'timer'].includes(key.kind))
    .map(({ title }) => title);
}
