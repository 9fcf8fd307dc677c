// `registry-setup rotate`: makes a new certificate, and a new CA with --ca. No client of a CA has to do anything.
import { certificateFacts } from '../certificates/description.ts';
import { readServed, type Site } from '../certificates/site.ts';
import { splitPem } from '../certificates/split.ts';
import { type Context, isOn } from '../context.ts';
import { CliError } from '../errors.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { readUnfinished } from '../reconcile/journal.ts';
import { asRecovered } from '../reconcile/recovered-host.ts';
import { existing } from '../server/existing.ts';
import { carryOut, preview } from '../server/run.ts';
import { inDays } from '../server/screens/summary.ts';
import type { Wanted } from '../server/wanted.ts';
import type { Answers } from '../settings/answers.ts';
import { FLAG_NAMES, flag } from '../settings/flags.ts';
import { address } from '../settings/settings.ts';
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
  if (answers['token-key']?.value === true) return rotateTokenKey(context, change);
  const within = answers['if-expiring']?.value as number | undefined;

  const before = await existing(context, change);
  const { tls, cert, caCert } = before.settings;
  if (tls === 'insecure')
    throw new CliError('There is no certificate: this registry is plain HTTP.', {
      fix: commandLine('--tls ca-signed'),
      exitCode: 2,
    });
  if (ca && (tls !== 'ca-signed' || cert || caCert))
    throw new CliError('--ca: this registry has no CA of its own.', {
      fix: commandLine('rotate'),
      exitCode: 2,
    });

  // A certificate that the user gave is not made here: only its file can be new.
  const wanted = cert ? before : await rotated(context, change, before, { ca, within });
  if (!wanted || (cert && !before.certificates.site?.fresh)) {
    // A killed run may have left the registry stopped: a run by the timer recovers it.
    if (!isOn(context, 'dry-run') && (await readUnfinished(context.host, before.settings.dir)))
      await carryOut(before, context);
    return nothingToDo(context, before, within);
  }
  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(wanted, context));
  const cutOff = ca ? oldestRoots(before) : [];
  warn(context, cutOff);
  const what = ca ? 'the CA and the certificate' : 'the certificate';
  const message = `Replace ${what} of ${address(wanted.settings)}? The registry is away for a moment`;
  await agree(context, message, cutOff.length === 0);
  // The timer asks for nothing: what it finds lost is not replaced.
  const newTrust = ca || (tls === 'self-signed' && within === undefined);
  const result = await carryOut({ ...wanted, newTrust }, context);
  const { site } = wanted.certificates;
  const facts = site && certificateFacts(site);
  output.json({
    ok: true,
    changed: changed(result.changes),
    certificates: facts,
  });
  if (facts) output.say('', ...outcome(wanted, facts, ca));
}

/** Replaces the key for tokens. The registry knows both keys while tokens of the former one may live, so nothing under way ends. */
async function rotateTokenKey(context: Context, change: Answers): Promise<void> {
  const { output } = context;
  const wanted = await existing(context, change, { token: true });
  if (wanted.settings.auth !== 'token')
    throw new CliError('--token-key: this registry has no tokens.', {
      fix: commandLine('--auth token'),
      exitCode: 2,
    });
  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(wanted, context));
  await agree(context, `Replace the key for tokens of ${address(wanted.settings)}?`, true);
  const { changes } = await carryOut(wanted, context);
  output.json({ ok: true, changed: changed(changes) });
  output.say(
    '',
    'Tokens are signed with a new key. No client has to do anything.',
    'Those of the former key are taken until the next --token-key: run it twice when that key has leaked.',
  );
}

type Facts = ReturnType<typeof certificateFacts>;

function outcome({ settings }: Wanted, { site, roots }: Facts, ca: boolean): string[] {
  const [root, ...former] = roots;
  return [
    `The new certificate ends on ${site.notAfter.slice(0, 10)}.`,
    settings.tls === 'self-signed'
      ? 'It signs itself: every client must be given it again.'
      : ca
        ? `Clients that trust the former CA go on until ${former[0]?.notAfter.slice(0, 10) ?? 'now'}; new ones are given the new CA:`
        : 'No client has to do anything.',
    ...(ca || settings.tls === 'self-signed' ? [`  ${root?.fingerprint}`] : []),
  ];
}

/** Recreates the certificates; returns undefined if --if-expiring says that it is not time yet. @throws CliError if the CA itself ends */
async function rotated(
  context: Context,
  change: Answers,
  before: Wanted,
  { ca, within }: { ca: boolean; within: number | undefined },
): Promise<Wanted | undefined> {
  // Judges the served certificate: `before` holds a recreated one if that has expired.
  const { dir } = before.settings;
  const [leaf] = (await readServed(await asRecovered(context.host, dir), dir))?.chain ?? [];
  if (within !== undefined && leaf && !ca) {
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
    // A certificate for a few days is renewed in the last third of them, and not every day.
    const life = (Date.parse(site.notAfter) - Date.parse(site.notBefore)) / DAY;
    if (site.daysLeft > Math.min(within, life / 3)) return undefined;
  }
  return existing(context, change, { site: true, ca });
}

function nothingToDo(
  { output }: Context,
  { settings, certificates }: Wanted,
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

/**
 * Returns the roots that a new CA leaves behind. The CA before it certifies it, but no older one, whose key is destroyed:
 * one more change of the CA while the last one is under way cuts off the clients of the oldest.
 */
const oldestRoots = ({ certificates }: Wanted) =>
  certificates.site ? certificateFacts(certificates.site).roots.slice(1) : [];

/** Names the clients that the change cuts off. */
function warn({ output }: Context, cutOff: ReturnType<typeof oldestRoots>): void {
  const mark = output.paint('yellow', SYMBOL.warning);
  for (const { subject, fingerprint } of cutOff)
    output.say(
      `${mark} Clients that were given nothing since ${subject} are cut off, and must be given the new CA.`,
      `  ${fingerprint}`,
    );
}
