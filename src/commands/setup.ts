// One file a command: reads the words, calls one function, tells what came of it.
// `registry-setup`: sets the registry up, or changes the one that is here.
import { availableParallelism } from 'node:os';
import { certificateFacts } from '../certificates/description.ts';
import { type Context, isOn } from '../context.ts';
import { refuseForeign } from '../engines/images/bundled.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { preview } from '../server/make-plan.ts';
import type { Outcome } from '../server/request.ts';
import { carryOut } from '../server/run.ts';
import { clientNews, formerTrust } from '../server/screens/client-changes.ts';
import { clientLine, lacksLines, summaryLines } from '../server/screens/summary.ts';
import { settle } from '../server/settle.ts';
import { collect, firstWish } from '../server/wizard/collect.ts';
import { review } from '../server/wizard/review.ts';
import { givenPasswords } from '../settings/given-passwords.ts';
import { publicAddress } from '../settings/public-address.ts';
import { everyone } from '../settings/readers.ts';
import type { Settings } from '../settings/settings.ts';

/** From so many passwords on, the user is told how long their hashes take. */
const MANY = 50;
/** How long one bcrypt hash takes on one processor. (server/auth/htpasswd.ts) */
const HASH_SECONDS = 0.1;

/** @returns the exit code, if the user chose something else in the menu of a registry that is here */
export async function setup(context: Context): Promise<number | undefined> {
  const { host, env } = context;
  refuseForeign(context.answers);
  const collected = await collect(context);
  if (collected.changing) {
    const chosen = await (await import('./menu.ts')).menu(context);
    if (chosen !== 'change') return chosen;
  }
  const { asking, facts, engine, keys, interactive } = collected;
  // Reads the answers each time: the wizard changes them.
  const want = () => {
    const { answers, dir, passwords } = asking;
    return settle(context, { answers, dir, passwords, facts, engine, keys, interactive });
  };
  let request = await firstWish(context, collected, want);
  const given = await givenPasswords(asking.answers, env, host, everyone(request.settings));
  if (given.size >= MANY) {
    const seconds = Math.ceil((given.size * HASH_SECONDS) / availableParallelism());
    context.output.say(`${given.size} passwords are hashed, which takes about ${seconds} s.`);
  }
  asking.passwords = new Map([...given, ...asking.passwords]);
  request = { ...request, passwords: asking.passwords };

  if (isOn(context, 'dry-run')) {
    showDryRun(context, await preview(request, context));
    return undefined;
  }
  if (interactive) {
    const accepted = await review(context, asking, request, want);
    if (!accepted) return undefined;
    request = accepted;
  }
  const former = await formerTrust(facts, host, request.settings.dir);
  const outcome = await carryOut(request, context);
  tell(context, request.settings, outcome, clientNews(former, request.settings, outcome.secrets.site));
  return undefined;
}

function tell({ output }: Context, settings: Settings, outcome: Outcome, news: string[]): void {
  const { changes, secrets, passwordFile } = outcome;
  const { site } = secrets;
  output.json({
    ok: true,
    changed: changed(changes),
    registry: {
      address: publicAddress(settings).name,
      tls: settings.tls,
      auth: settings.auth,
      users: settings.users,
    },
    client: clientLine(settings, site),
    ...(site && { certificates: certificateFacts(site) }),
    ...(news.length > 0 && { clients: news.map((line) => line.trim()) }),
    ...(passwordFile && { passwordFile }),
  });
  if (changes.length === 0)
    output.say(
      `Nothing to do: the registry at ${publicAddress(settings).name} is as it should be.`,
      ...lacksLines(site?.lacks),
    );
  else
    output.say(...summaryLines(settings, outcome, output.paint), ...(news.length > 0 ? ['', ...news] : []));
}
