// `registry-setup rotate`: makes a new certificate, and a new CA with --ca. No client of a CA has to do anything.
import { certificateFacts } from '../certificates/description.ts';
import { readOwnCa, readServed, type Site } from '../certificates/site.ts';
import { splitPem } from '../certificates/split.ts';
import { dateFault, datesOf, renewedFrom } from '../certificates/validity.ts';
import { type Context, dirOf, isOn } from '../context.ts';
import { CliError, InputError } from '../errors.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { hostBeforeKilledRun } from '../reconcile/recovered-host.ts';
import { countNow, keepCounts } from '../server/counts.ts';
import { loadExisting } from '../server/existing.ts';
import { preview } from '../server/make-plan.ts';
import { note, noteRefused } from '../server/notes.ts';
import type { ServerRequest } from '../server/request.ts';
import { carryOut } from '../server/run.ts';
import { clientNews, formerTrust } from '../server/screens/client-changes.ts';
import { inDays } from '../server/screens/summary.ts';
import type { Answers } from '../settings/answers.ts';
import { FLAG_NAMES, flag } from '../settings/flags.ts';
import { hasGateway } from '../settings/gateway.ts';
import { publicAddress } from '../settings/public-address.ts';
import type { Settings } from '../settings/settings.ts';
import { hasDockerAuth } from '../settings/token-server.ts';
import { commandLine } from '../terminal/command.ts';
import { SYMBOL } from '../terminal/output.ts';
import { agree } from './consent.ts';

const DAY = 86_400_000;

export async function rotate(context: Context): Promise<void> {
  const { output, answers } = context;
  const change = Object.fromEntries(
    FLAG_NAMES.filter((name) => flag(name).setting && answers[name]).map((name) => [name, answers[name]]),
  ) as Answers;
  const ca = answers['new-ca']?.value === true;
  if (isOn(context, 'cut-off') && !ca)
    throw new InputError([{ where: '--cut-off', message: 'goes with --ca', fix: 'rotate --ca --cut-off' }]);
  await awaitTurn(context, dirOf(answers));
  if (answers['token-key']?.value === true) return rotateTokenKey(context, change);
  const within = answers['if-expiring']?.value as number | undefined;

  const before = await loadExisting(context, change);
  if (within !== undefined && !isOn(context, 'dry-run')) await countAtNight(context, before);
  const { tls, cert, caCert, acme } = before.settings;
  if (tls === 'insecure' && within !== undefined) {
    output.json({ ok: true, changed: [] });
    return output.say('Nothing to do: there is no certificate, this registry is plain HTTP.');
  }
  if (tls === 'insecure')
    throw new CliError('There is no certificate: this registry is plain HTTP.', {
      fix: commandLine('--tls ca-signed'),
      exitCode: 2,
    });
  if (ca && (tls !== 'ca-signed' || cert || caCert || acme))
    throw new CliError('--ca: this registry has no CA of its own.', {
      fix: commandLine('rotate'),
      exitCode: 2,
    });

  const outdated = before.certificates.site?.outdated;
  if (outdated && !ca) throw outdated;

  // A certificate that the user gave is not made here: only its file can be new.
  const request = cert ? before : await rotated(context, change, before, { ca, within });
  if (!request || (cert && !before.certificates.site?.fresh)) return nothingToDo(context, before, within);
  const cutOff = ca && !outdated ? lostRoots(before, request) : [];
  warn(context, outdated, cutOff);
  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(request, context));
  if (cutOff.length > 0 && isOn(context, 'yes') && !isOn(context, 'cut-off'))
    throw unspoken(cutOff, (await readOwnCa(context.host, before.settings.dir)) === undefined);
  const what = ca ? 'the CA and the certificate' : 'the certificate';
  const message = `Replace ${what} of ${publicAddress(request.settings).name}?${hasGateway(request.settings) ? '' : ' The registry is down for a moment'}`;
  await agree(context, message, !outdated && (cutOff.length === 0 || isOn(context, 'cut-off')));
  // The timer asks for nothing: what it finds lost is not replaced.
  const newTrust = ca || (tls === 'self-signed' && within === undefined);
  const former = await formerTrust(before.facts, context.host, before.settings.dir);
  const result = await carryOut({ ...request, newTrust }, context).catch(async (error) => {
    const ordered = request.certificates.site?.order && !context.signal.aborted;
    if (ordered) await noteRefused(context.uninterruptible, before.settings.dir, error);
    throw error;
  });
  // A certificate that was ordered is known only now.
  const { site } = result.secrets;
  if (site?.fresh)
    await note(context.host, before.settings.dir, { renewed: { at: new Date().toISOString() } });
  const facts = site && certificateFacts(site);
  output.json({
    ok: true,
    changed: changed(result.changes),
    certificates: facts,
  });
  if (facts)
    output.say(
      '',
      ...(site?.fresh
        ? outcome(request, facts, ca, clientNews(former, request.settings, site))
        : [OTHER_CAS]),
    );
}

/** How long the timer may read the log of the registry, in milliseconds: nobody waits for it. */
const LONG = 60_000;

/** Keeps what `status` tells of: that the timer works, and what was counted. */
async function countAtNight(context: Context, { settings }: ServerRequest): Promise<void> {
  await note(context.host, settings.dir, { looked: { at: new Date().toISOString() } });
  await keepCounts(context, settings, await countNow(context, settings, LONG));
}

/** Replaces the key for tokens. The registry knows both keys while tokens of the former one may live, so nothing under way ends. */
async function rotateTokenKey(context: Context, change: Answers): Promise<void> {
  const { output } = context;
  const request = await loadExisting(context, change, { token: true });
  if (!hasDockerAuth(request.settings))
    throw new CliError('--token-key: no docker_auth gives tokens here.', {
      fix: commandLine('--auth token'),
      exitCode: 2,
    });
  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(request, context));
  await agree(context, `Replace the key for tokens of ${publicAddress(request.settings).name}?`, true);
  const { changes } = await carryOut(request, context);
  output.json({ ok: true, changed: changed(changes) });
  output.say(
    '',
    'Tokens are signed with a new key. No client has to do anything.',
    'Tokens of the former key are accepted until the next --token-key: run it twice if that key has leaked.',
  );
}

/** What the timer says when it kept the certificate, and only the CAs that are served with it have changed. */
const OTHER_CAS =
  'The same certificate is served with the CAs that are valid now. No client has to do anything.';

type Facts = ReturnType<typeof certificateFacts>;

function outcome({ settings }: ServerRequest, { site, roots }: Facts, ca: boolean, news: string[]): string[] {
  const [root, ...former] = roots;
  return [
    `The new certificate ends on ${site.notAfter.slice(0, 10)}.`,
    settings.tls === 'self-signed'
      ? 'It is self-signed: every client must be given the new one.'
      : ca
        ? former[0]
          ? `Clients that trust the former CA keep working until ${former[0].notAfter.slice(0, 10)}; new clients are given the new CA:`
          : 'Every client must be given the new CA:'
        : news.map((line) => line.trim()).join('\n') || 'No client has to do anything.',
    ...(ca || settings.tls === 'self-signed' ? [`  ${root?.fingerprint}`] : []),
  ];
}

/** Recreates the certificates; returns undefined if --if-expiring says that it is not time yet. @throws CliError if the CA itself ends */
async function rotated(
  context: Context,
  change: Answers,
  before: ServerRequest,
  { ca, within }: { ca: boolean; within: number | undefined },
): Promise<ServerRequest | undefined> {
  // Judges the served certificate: `before` holds a recreated one if that has expired.
  const { dir } = before.settings;
  const { chain = [] } = (await readServed(await hostBeforeKilledRun(context.host, dir), dir)) ?? {};
  const [leaf] = chain;
  const fits = before.certificates.site?.order === undefined;
  if (within !== undefined && leaf && fits && !ca && !dateFault(datesOf(leaf), new Date())) {
    const { site, roots } = certificateFacts({ ...(before.certificates.site as Site), chain: leaf });
    const [root] = roots;
    const { tls, caCert } = before.settings;
    if (tls === 'ca-signed' && root && root.daysLeft <= within && root.notAfter === site.notAfter)
      throw new CliError(
        `The CA itself ends ${inDays(root.daysLeft)}: a new certificate would end with it.`,
        {
          fix: caCert
            ? `When you have a new one:   ${commandLine('rotate --ca-cert FILE --ca-key FILE')}`
            : commandLine('rotate --ca'),
        },
      );
    if (renewedFrom(datesOf(leaf), within) > new Date()) {
      if (leadsElsewhere(chain, before.certificates.site)) return before;
      if (!before.settings.acme || !(await isCalledBack(context, before.settings, leaf))) return undefined;
    }
  }
  return loadExisting(context, change, { site: true, ca });
}

/** Tells whether the ACME server wants the certificate to be renewed before its time. */
const isCalledBack = async (context: Context, settings: Settings, leaf: string): Promise<boolean> =>
  (await import('../server/order.ts')).isCalledBack(settings, leaf, context);

/**
 * Tells whether the same certificate is to be served with other former CAs: one has ended, or is valid again by the clock of today,
 * and its clients depend on it.
 */
function leadsElsewhere(served: string[], site: Site | undefined): boolean {
  if (!site || site.fresh) return false;
  const [wanted, [root = '']] = [splitPem(site.chain), splitPem(site.roots.join('\n'))];
  return served.includes(root) && served.join() !== wanted.join();
}

function nothingToDo(
  { output }: Context,
  { settings, certificates }: ServerRequest,
  within: number | undefined,
): void {
  const [leaf = ''] = splitPem(certificates.site?.chain ?? '');
  const facts = certificates.site && certificateFacts({ ...certificates.site, chain: leaf });
  const days = facts?.site.daysLeft ?? 0;
  if (settings.cert && (within === undefined || days <= within))
    throw new CliError(
      `The certificate in ${settings.cert} is the one that is served; it ends ${inDays(days)}.`,
      {
        fix: `When you have a new one:   ${commandLine('rotate --cert FILE --key FILE')}`,
        exitCode: within === undefined ? 2 : 1,
      },
    );
  output.json({ ok: true, changed: [], certificates: facts });
  output.say(`Nothing to do: the certificate ends ${inDays(days)}.`);
}

/** A root, and the day by which the next one was made: clients that were set up later know that one, too. */
interface LostRoot {
  subject: string;
  fingerprint: string;
  until: string;
  replacedBy: string;
}

/**
 * Returns the roots whose clients accept what is served now, and not what would be served. They are those of former versions, whose
 * path length permits one CA below them and no more, and those past the length of chain that Java's clients take.
 */
function lostRoots(
  { certificates: { site: served } }: ServerRequest,
  { certificates: { site } }: ServerRequest,
): LostRoot[] {
  if (!served || !site) return [];
  const { roots } = certificateFacts(served);
  const left = certificateFacts(site).roots.map(({ fingerprint }) => fingerprint);
  const newer = (i: number) => datesOf(served.roots[Math.max(i - 1, 0)] as string).notBefore;
  return roots.flatMap(({ subject, fingerprint, notAfter }, i) => {
    if (left.includes(fingerprint)) return [];
    // A root begins a day back, those of former versions an hour: a day after that it was made.
    const replacedBy = new Date(newer(i).getTime() + DAY).toISOString().slice(0, 10);
    return [{ subject, fingerprint, until: notAfter.slice(0, 10), replacedBy }];
  });
}

/** Tells what the change means to clients: nobody is served while the CA is out of date; and those that it cuts off. */
function warn({ output }: Context, outdated: CliError | undefined, cutOff: LostRoot[]): void {
  const mark = output.paint('yellow', SYMBOL.warning);
  if (outdated)
    output.say(`${mark} ${outdated.message}`, '  Every client must be given the new CA. Is the clock right?');
  for (const { subject, fingerprint, until, replacedBy } of cutOff)
    output.say(
      `${mark} Clients that trust only ${subject} (until ${until}) are cut off at once, and must be given the new CA.`,
      `  Those are all that were set up on or before ${replacedBy} and given nothing since.`,
      `  ${fingerprint}`,
    );
}

/** Returns the error for a --yes that does not say that clients may be cut off. @param isLost nobody can certify the new CA */
function unspoken(cutOff: LostRoot[], isLost: boolean): CliError {
  const names = cutOff.map(({ subject }) => subject).join(', ');
  return new CliError(`A new CA cuts off every client that trusts only ${names}. Nothing was changed.`, {
    why: isLost
      ? 'The CA of today is lost, and cannot certify the new one.'
      : 'The chain would be too long: a CA of a former version permits one other CA below it, and Java takes ten certificates.',
    fix: [
      ...(isLost
        ? []
        : [
            'First give those clients the CA of today: run on each the line that "registry-setup status" shows.',
          ]),
      `Or cut them off:   ${commandLine('rotate --ca --cut-off')}`,
    ],
    exitCode: 2,
  });
}
