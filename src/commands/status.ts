// `registry-setup status`: what runs here, and what differs from the plan.
import { certificateFacts } from '../certificates/description.ts';
import type { Context } from '../context.ts';
import { engineText } from '../engines/engine.ts';
import { changeDetails } from '../reconcile/dry-run.ts';
import { readUnfinished } from '../reconcile/journal.ts';
import { localEndpoint } from '../registry/endpoint.ts';
import { ask } from '../registry/http.ts';
import { takesTokens } from '../server/checks/tokens.ts';
import { existing } from '../server/existing.ts';
import { preview } from '../server/run.ts';
import { loginText } from '../server/screens/review.ts';
import { certificateLines, clientLine } from '../server/screens/summary.ts';
import { address } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes, SYMBOL } from '../terminal/output.ts';

/** Exit 0 when all is as planned, 1 when something differs or the registry does not answer. */
export async function status(context: Context): Promise<number> {
  const { host, output } = context;
  const wanted = await existing(context);
  const { settings, engine, certificates } = wanted;
  const { site } = certificates;
  const at = localEndpoint(settings, site?.publicCa ? undefined : site?.roots);
  const planned = preview(wanted, context);
  const tokens = planned.then(({ material: { witness } }) =>
    witness ? takesTokens(at, witness).catch(() => false) : true,
  );
  const [left, { changes }, takes, answers] = await Promise.all([
    readUnfinished(host, settings.dir),
    planned,
    tokens,
    ask(at, 'GET', '/v2/', { timeout: 3_000 }).then(
      ({ status: code }) => code === (settings.auth === 'none' ? 200 : 401),
      () => false,
    ),
  ]);
  const good = answers && takes && changes.length === 0 && !left;
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
    certificates: site ? certificateFacts(site) : null,
    answers,
    ...(settings.auth === 'token' && { takesTokens: takes }),
    unfinished: left?.command ?? null,
    drift: changes.map(({ title, drift: { what, details } }) => ({ title, what, details })),
  });
  const space = await host.space(settings.storage);
  const mark = (ok: boolean) =>
    ok ? output.paint('green', SYMBOL.done) : output.paint('red', SYMBOL.failed);
  output.out(
    `${mark(answers)} ${settings.tls === 'insecure' ? 'http' : 'https'}://${address(settings)}   ${answers ? 'answers' : 'does not answer'}`,
    `  Login       ${loginText(settings)}`,
    `  Images      ${settings.storage} (${bytes(space.free)} of ${bytes(space.total)} free)`,
    ...(site ? certificateLines(certificateFacts(site)) : ['  Encryption  none']),
    `  Client      ${clientLine(settings, site)}`,
    `  Engine      ${engineText(engine)}, ${settings.engine === 'native' ? `service ${settings.name}` : `container ${settings.name}, image ${settings.image}`}`,
  );
  if (answers && !takes)
    output.out('', `${mark(false)} It does not take the tokens of docker_auth: nobody can log in.`);
  if (left)
    output.out(
      '',
      `${mark(false)} The run "${left.command}" was cut off; the next one puts back what it had done.`,
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
