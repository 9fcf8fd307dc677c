// `registry-setup status`: shows what runs here, and what differs from the plan.
import type { Context } from '../context.ts';
import { engineText } from '../engines/engine.ts';
import { changeDetails } from '../reconcile/dry-run.ts';
import { existing } from '../server/existing.ts';
import { loginText } from '../server/screens/review.ts';
import { certificateLines, clientLine } from '../server/screens/summary.ts';
import { answerText, look } from '../server/status.ts';
import { address } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes, SYMBOL } from '../terminal/output.ts';

/** Findings that no other line shows. */
const TOLD = ['unfinished', 'trust', 'storage', 'record'];

/** @returns the exit code: 0 if all is as planned, 1 if something differs or the registry does not answer */
export async function status(context: Context): Promise<number> {
  const { output } = context;
  const wanted = await existing(context);
  const { settings, engine, certificates } = wanted;
  const { site } = certificates;
  const seen = await look(context, wanted);
  const { answer, space, changes, findings } = seen;
  const good = findings.every(({ ok }) => ok);
  output.json({
    ok: good,
    registry: {
      address: address(settings),
      tls: settings.tls,
      auth: settings.auth,
      users: settings.users,
      storage: settings.storage,
    },
    client: clientLine(settings, site),
    certificates: seen.certificates ?? null,
    answers: answer.ok,
    ...(settings.auth === 'token' && { takesTokens: seen.takesTokens }),
    unfinished: seen.unfinished ?? null,
    drift: changes.map(({ title, drift: { what, details } }) => ({ title, what, details })),
    findings,
  });
  const mark = (ok: boolean) =>
    ok ? output.paint('green', SYMBOL.done) : output.paint('red', SYMBOL.failed);
  output.out(
    `${mark(answer.ok)} ${settings.tls === 'insecure' ? 'http' : 'https'}://${address(settings)}   ${answerText(answer)}`,
    `  Login       ${loginText(settings)}`,
    `  Images      ${settings.storage} (${bytes(space.free)} of ${bytes(space.total)} free)`,
    ...(seen.certificates ? certificateLines(seen.certificates) : ['  Encryption  none']),
    `  Client      ${clientLine(settings, site)}`,
    `  Engine      ${engineText(engine)}, ${settings.engine === 'native' ? `service ${settings.name}` : `container ${settings.name}, image ${settings.image}`}`,
  );
  // The first line shows the answer. Refused tokens are no news if the registry does not answer.
  for (const { name, ok, cause, fix } of findings)
    if (!ok && cause && (TOLD.includes(name) || (name === 'tokens' && answer.ok)))
      output.out(
        '',
        `${mark(false)} ${cause}`,
        ...(fix && name !== 'unfinished' ? fix.split('\n') : []).map((line) => `  ${line}`),
      );
  if (changes.length > 0)
    output.out(
      '',
      `${mark(false)} Differs from the plan; ${commandLine('--yes')} puts it right:`,
      '',
      ...changeDetails(changes, output.paint),
    );
  return good ? 0 : 1;
}
