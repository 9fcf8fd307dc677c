// The wizard on a server that has its registry: its state first, the most urgent thing first, the likely wish under the cursor.
import { certificateFacts } from '../../certificates/description.ts';
import { readServed } from '../../certificates/site.ts';
import type { Context } from '../../context.ts';
import { Declined } from '../../errors.ts';
import { localEndpoint } from '../../registry/endpoint.ts';
import { ask } from '../../registry/http.ts';
import { address } from '../../settings/settings.ts';
import { bytes } from '../../terminal/output.ts';
import type { Prompts } from '../../terminal/prompts.ts';
import { existing } from '../existing.ts';
import { inDays, lacksLines } from '../screens/summary.ts';
import type { Wanted } from '../wanted.ts';

const SOON = 30;

/** What is asked for: `change` goes on with the set-up's own questions; everything else is done here. */
export async function again(context: Context): Promise<'change' | 'done'> {
  const { output } = context;
  const wanted = await existing(context);
  const days = await daysLeft(context, wanted);
  const urgent = days !== undefined && days <= SOON;
  output.say(...(await stateLines(context, wanted)));
  if (urgent)
    output.say(
      output.paint('yellow', `  The site certificate ${days < 0 ? 'ended' : 'ends'} ${inDays(days)}.`),
    );
  output.say('');
  const prompts = await context.prompts();
  const rotate = { value: 'rotate', name: 'rotate the certificate now', description: rotateHelp(wanted) };
  const login = wanted.settings.auth !== 'none';
  for (;;) {
    const choice = await prompts.select({
      message: 'What would you like to do?',
      choices: [
        ...(urgent ? [rotate] : []),
        { value: 'change', name: 'change settings …' },
        ...(days !== undefined && !urgent ? [rotate] : []),
        ...(login ? [{ value: 'users', name: 'users …' }] : []),
        { value: 'status', name: 'check everything' },
        { value: 'uninstall', name: 'remove it' },
        { value: 'nothing', name: 'nothing' },
      ],
    });
    if (choice === 'change') return 'change';
    try {
      await act(context, choice, wanted);
      return 'done';
    } catch (error) {
      // A no, or "back": nothing was touched, and something else may be wanted.
      if (!(error instanceof Declined)) throw error;
    }
  }
}

async function act(context: Context, choice: string, wanted: Wanted): Promise<void> {
  if (choice === 'rotate') await (await import('../../commands/rotate.ts')).rotate(context);
  if (choice === 'users') await users(context, wanted);
  if (choice === 'status')
    process.exitCode = await (await import('../../commands/status.ts')).status(context);
  if (choice === 'uninstall') await (await import('../../commands/uninstall.ts')).uninstall(context);
}

/** Of what is served now, which may have ended. */
async function daysLeft({ host }: Context, { settings, certificates }: Wanted): Promise<number | undefined> {
  const served = await readServed(host, settings.dir);
  const { site } = certificates;
  return served && site
    ? certificateFacts({ ...site, chain: served.chain.join('') }).site.daysLeft
    : undefined;
}

const rotateHelp = ({ settings }: Wanted) =>
  settings.tls === 'self-signed'
    ? 'Every client must be given the new one.'
    : 'No client has to do anything.';

async function stateLines(context: Context, { settings, certificates }: Wanted): Promise<string[]> {
  const { site } = certificates;
  const at = localEndpoint(settings, site?.publicCa ? undefined : site?.roots);
  const [space, answers] = await Promise.all([
    context.host.space(settings.storage),
    ask(at, 'GET', '/v2/', { timeout: 3_000 }).then(
      () => true,
      () => false,
    ),
  ]);
  const url = `${site ? 'https' : 'http'}://${address(settings)}`;
  const who =
    settings.auth === 'none'
      ? 'no login'
      : `${settings.users.length} ${settings.users.length === 1 ? 'user' : 'users'}`;
  return [
    `  ${url} · ${answers ? 'running' : 'does not answer'} · ${who} · ${bytes(space.free)} free`,
    ...lacksLines(site?.lacks),
  ];
}

async function users(context: Context, { settings }: Wanted): Promise<void> {
  const { user } = await import('../../commands/user.ts');
  const prompts = await context.prompts();
  context.output.say(`  ${settings.users.join(', ')}`);
  for (;;) {
    const verb = await prompts.select({
      message: 'Users',
      choices: [
        { value: 'add', name: 'add one' },
        { value: 'password', name: 'change a password' },
        ...(settings.users.length > 1 ? [{ value: 'remove', name: 'remove one' }] : []),
        BACK,
      ],
    });
    if (verb === BACK.value) throw new Declined();
    const name = await whose(prompts, verb, settings.users);
    if (name === BACK.value) continue;
    try {
      return await user({ ...context, operands: [verb, name] });
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
    }
  }
}

/** No user has this name: it begins with a sign. */
const BACK = { value: '<', name: 'back' };

async function whose(prompts: Prompts, verb: string, all: string[]): Promise<string> {
  if (verb !== 'add')
    return prompts.select({
      message: 'Whose?',
      choices: [...all.map((who) => ({ value: who, name: who })), BACK],
    });
  const { checkUser } = await import('../../settings/validation.ts');
  const validate = (text: string) => checkUser(text.trim())?.message ?? true;
  return (await prompts.input({ message: 'User name', validate })).trim();
}
