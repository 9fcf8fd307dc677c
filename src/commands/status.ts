// `registry-setup status`: what runs here, and what differs from the plan.
import { localEndpoint } from '../checks.ts';
import { type Context, dirOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { gatherFacts } from '../facts.ts';
import { SYMBOL } from '../output.ts';
import { ask } from '../registry.ts';
import { preview } from '../server.ts';
import { makeKeys } from '../site.ts';
import { certificatesFor } from './setup.ts';
import { address, resolveSettings } from '../settings.ts';
import { readUnfinished } from '../state.ts';
import { changeDetails } from './dry-run.ts';

/** Exit 0 when all is as planned, 1 when something differs or the registry does not answer. */
export async function status(context: Context): Promise<number> {
  const { host, output } = context;
  const dir = dirOf(context.answers);
  const facts = await gatherFacts(host, dir);
  if (!facts.last)
    throw new CliError(`There is no registry in ${dir}.`, {
      fix: ['Set one up:           registry-setup', 'It is elsewhere:      registry-setup status --dir DIR'],
    });
  const result = resolveSettings(facts.last, { dir });
  if ('problems' in result)
    throw new CliError(`${dir}/settings.yml: ${result.problems[0]?.message}`, { exitCode: 2 });
  const { settings } = result;
  if (facts.engine instanceof CliError) throw facts.engine;
  const certificates = await certificatesFor(context, settings, makeKeys(), {});
  const { site } = certificates;
  const at = localEndpoint(settings, site?.publicCa ? undefined : site?.roots);
  const [left, { changes }, answers] = await Promise.all([
    readUnfinished(host, dir),
    preview({ settings, facts, engine: facts.engine, passwords: new Map(), certificates }, context),
    ask(at, 'GET', '/v2/', { timeout: 3_000 }).then(
      ({ status: code }) => code === (settings.auth === 'none' ? 200 : 401),
      () => false,
    ),
  ]);
  const good = answers && changes.length === 0 && !left;
  output.json({
    ok: good,
    registry: {
      address: address(settings),
      tls: settings.tls,
      auth: settings.auth,
      users: settings.users,
      storage: settings.storage,
    },
    answers,
    unfinished: left?.command ?? null,
    drift: changes.map(({ title, drift }) => ({ title, ...drift })),
  });
  const space = await host.space(settings.storage);
  const { bytes } = await import('../output.ts');
  const mark = (ok: boolean) =>
    ok ? output.paint('green', SYMBOL.done) : output.paint('red', SYMBOL.failed);
  output.out(
    `${mark(answers)} ${settings.tls === 'insecure' ? 'http' : 'https'}://${address(settings)}   ${answers ? 'answers' : 'does not answer'}`,
    `  Login       ${settings.auth}${settings.auth === 'none' ? '' : `: ${settings.users.join(', ')}`}`,
    `  Images      ${settings.storage} (${bytes(space.free)} of ${bytes(space.total)} free)`,
    `  Engine      Docker ${facts.engine.version}, container ${settings.name}, image ${settings.image}`,
  );
  if (left)
    output.out(
      '',
      `${mark(false)} The run "${left.command}" was cut off; the next one puts back what it had done.`,
    );
  if (changes.length > 0)
    output.out(
      '',
      `${mark(false)} Differs from the plan; registry-setup --yes puts it right:`,
      '',
      ...changeDetails(changes, output.paint),
    );
  return good ? 0 : 1;
}
