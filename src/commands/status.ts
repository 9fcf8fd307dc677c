// `registry-setup status`: shows what runs here, and what differs from the plan.
import type { Context } from '../context.ts';
import { engineText, logCommand } from '../engines/engine.ts';
import { changeDetails } from '../reconcile/dry-run.ts';
import { listensAt } from '../server/checks/outside.ts';
import { keepCounts } from '../server/counts.ts';
import { loadExisting } from '../server/existing.ts';
import { answerText } from '../server/glance.ts';
import { maintenanceLines, renewalLines, spaceText } from '../server/screens/maintenance.ts';
import { encryption, gatewayLines, loginText } from '../server/screens/review.ts';
import { certificateLines, clientLine } from '../server/screens/summary.ts';
import { look } from '../server/status.ts';
import { publicAddress } from '../settings/public-address.ts';
import type { Settings } from '../settings/settings.ts';
import { hasDockerAuth } from '../settings/token-server.ts';
import { commandLine } from '../terminal/command.ts';
import { SYMBOL } from '../terminal/output.ts';

/** Findings that no other line shows. */
const TOLD = ['outside', 'unfinished', 'trust', 'storage', 'record'];

/** Returns where the registry is that was asked, if people reach it through a proxy. */
const behind = (settings: Settings): string =>
  settings.externalUrl === undefined ? '' : `, here on ${listensAt(settings)},`;

/** Returns what is said of the encryption if no certificate is served here. */
function encryptionText(settings: Settings): string {
  if (settings.tls !== 'insecure') return 'no certificate that can be served';
  return settings.externalUrl === undefined ? 'none' : encryption(settings);
}

/** @returns the exit code: 0 if all is as planned, 1 if something differs or the registry does not answer */
export async function status(context: Context): Promise<number> {
  const { output } = context;
  const request = await loadExisting(context);
  const { settings, engine, certificates } = request;
  const seen = await look(context, request);
  // What is served counts: clients can be given no certificate that a run has yet to make.
  const site = seen.served ?? certificates.site;
  const { answer, space, changes, findings, notes } = seen;
  const now = new Date();
  const served = seen.certificates?.site;
  const good = findings.every(({ ok }) => ok);
  const log = await logCommand(context.host, settings);
  output.json({
    ok: good,
    registry: {
      address: publicAddress(settings).name,
      tls: settings.tls,
      auth: settings.auth,
      users: settings.users,
      storage: settings.storage,
    },
    client: clientLine(settings, site),
    certificates: seen.certificates ?? null,
    answers: answer.ok,
    ...(hasDockerAuth(settings) && { takesTokens: seen.takesTokens ?? null }),
    unfinished: seen.unfinished ?? null,
    atWork: seen.atWork ?? null,
    readOnly: seen.readOnly,
    outdated: seen.outdated,
    images: { counted: notes.counted, collected: notes.collected, pruned: notes.pruned },
    clients: notes.traffic ?? null,
    renewal: { renewed: notes.renewed, looked: notes.looked, refused: notes.refused },
    space: { ...space, fullInDays: seen.fullInDays === undefined ? null : Math.round(seen.fullInDays) },
    prune: settings.prune === true,
    drift: changes.map(({ title, drift: { what, details } }) => ({ title, what, details })),
    findings,
  });
  const mark = (ok: boolean) =>
    ok ? output.paint('green', SYMBOL.done) : output.paint('red', SYMBOL.failed);
  output.out(
    `${mark(answer.ok && !seen.obstacle)} ${publicAddress(settings).origin}${behind(settings)}   ${answerText(answer)}`,
    `  Login       ${loginText(settings, request.facts.ownBlocks)}`,
    `  Images      ${settings.storage} (${spaceText(space, seen.fullInDays)})`,
    ...maintenanceLines(settings, notes, now),
    ...(seen.certificates
      ? certificateLines(seen.certificates, settings.externalUrl === undefined ? 'Clients' : 'Proxies')
      : [`  Encryption  ${encryptionText(settings)}`]),
    ...renewalLines(
      settings,
      notes,
      now,
      served && { notBefore: new Date(served.notBefore), notAfter: new Date(served.notAfter) },
    ),
    `  Client      ${clientLine(settings, site)}`,
    ...gatewayLines(settings),
    `  Engine      ${engineText(engine)}, ${settings.engine === 'native' ? `service ${settings.name}` : `container ${settings.name}, image ${settings.image}`}`,
    `  Log         ${log}`,
  );
  if (seen.obstacle) {
    const { message, why, fix } = seen.obstacle;
    output.out(
      '',
      `${mark(false)} ${[message, why ?? []].flat().join(' ')}`,
      ...fix.map((line) => `  ${line}`),
    );
  }
  // The first line shows the answer. Refused tokens are no news if the registry does not answer.
  for (const { name, ok, cause, fix } of findings) {
    if (ok || !cause) continue;
    if (name === 'certificate')
      output.out('', `${mark(false)} ${cause}`, `  Where the clock is right (timedatectl):   ${fix}`);
    if (TOLD.includes(name) || (name === 'tokens' && answer.ok))
      output.out(
        '',
        `${mark(false)} ${cause}`,
        ...(fix && name !== 'unfinished' ? fix.split('\n') : []).map((line) => `  ${line}`),
      );
  }
  if (seen.atWork)
    output.out(
      '',
      `${output.paint('yellow', SYMBOL.warning)} "${seen.atWork.command}" is at work since ${seen.atWork.since}: what is shown here changes.`,
    );
  else if (changes.length > 0)
    output.out(
      '',
      seen.outdated
        ? `${output.paint('yellow', SYMBOL.warning)} An older version set this up; ${commandLine('--yes')} brings it up to date:`
        : `${mark(false)} Differs from the plan; ${commandLine('--yes')} puts it right:`,
      '',
      ...changeDetails(changes, output.paint),
    );
  await keepCounts(context, settings, seen.counts);
  return good ? 0 : 1;
}
