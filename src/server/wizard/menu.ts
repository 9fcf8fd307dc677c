// The menu on a server with a registry: shows the state first, then the choices, the most urgent or most likely one under the cursor.
import type { Context } from '../../context.ts';
import type { Answers } from '../../settings/answers.ts';
import { publicAddress } from '../../settings/public-address.ts';
import type { Settings } from '../../settings/settings.ts';
import { bytes } from '../../terminal/output.ts';
import type { Prompts } from '../../terminal/prompts.ts';
import { answerText, type Glance, glance } from '../glance.ts';
import { knownUpgrades } from '../maintenance/upgrade/known.ts';
import type { ServerRequest } from '../request.ts';
import { inDays, lacksLines } from '../screens/summary.ts';

/** From how many days before its end a certificate is urgent. */
const SOON = 30;

/** `change` continues with the questions of the set-up. */
export type MenuChoice =
  | 'change'
  | 'rotate'
  | 'users'
  | 'images'
  | 'upgrade'
  | 'status'
  | 'uninstall'
  | 'nothing';

/** Shows the state of the registry. Returns a function that asks what to do, each time that it is called. */
export async function openMenu(context: Context, request: ServerRequest): Promise<() => Promise<MenuChoice>> {
  const { output } = context;
  const { settings } = request;
  const [seen, newer] = await Promise.all([
    glance(context, request),
    knownUpgrades(context.host, settings).catch(() => []),
  ]);
  const { daysLeft: days, fault } = seen;
  const urgent = fault !== undefined || (days !== undefined && days <= SOON);
  output.say(...stateLines(settings, seen));
  if (fault) output.say(output.paint('yellow', `  ${fault.cause}`));
  else if (urgent) output.say(output.paint('yellow', `  The site certificate ends ${inDays(days ?? 0)}.`));
  output.say('');
  const prompts = await context.prompts();
  const rotate = {
    value: 'rotate' as const,
    name: 'rotate the certificate now',
    description: rotateHelp(settings),
  };
  const upgrade = {
    value: 'upgrade' as const,
    name: `upgrade to ${newer.join(', ')}`,
    description: 'Tried beside what runs, before it takes its place.',
  };
  const login = settings.auth !== 'none';
  return () =>
    prompts.select<MenuChoice>({
      message: 'What would you like to do?',
      choices: [
        ...(urgent ? [rotate] : []),
        { value: 'change', name: 'change settings …' },
        ...(days !== undefined && !urgent ? [rotate] : []),
        ...(login ? [{ value: 'users' as const, name: 'users …' }] : []),
        { value: 'images', name: 'images …' },
        ...(newer.length > 0 ? [upgrade] : []),
        { value: 'status', name: 'check everything' },
        { value: 'uninstall', name: 'remove it' },
        { value: 'nothing', name: 'nothing' },
      ],
    });
}

const rotateHelp = ({ tls }: Settings) =>
  tls === 'self-signed' ? 'Every client must be given the new one.' : 'No client has to do anything.';

function stateLines(settings: Settings, { answer, space, lacks }: Glance): string[] {
  const url = publicAddress(settings).origin;
  const who =
    settings.auth === 'none'
      ? 'no login'
      : `${settings.users.length} ${settings.users.length === 1 ? 'user' : 'users'}`;
  const state = answer.ok ? 'running' : answerText(answer);
  return [`  ${url} · ${state} · ${who} · ${bytes(space.free)} free`, ...lacksLines(lacks)];
}

/** Asks what to do with which user. Returns the words for the command `user`; undefined after "back". */
export async function askUser(
  prompts: Prompts,
  { users }: Pick<Settings, 'users'>,
): Promise<[verb: string, name: string] | undefined> {
  for (;;) {
    const verb = await prompts.select({
      message: 'Users',
      choices: [
        { value: 'add', name: 'add one' },
        { value: 'password', name: 'change a password' },
        ...(users.length > 1 ? [{ value: 'remove', name: 'remove one' }] : []),
        BACK,
      ],
    });
    if (verb === BACK.value) return undefined;
    const name = await whose(prompts, verb, users);
    if (name !== BACK.value) return [verb, name];
  }
}

/** No user can have this value as a name: it begins with `<`. */
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

/** What the user wants with images: the words for the command `image`, and its flags. */
export interface ImageWish {
  operands: string[];
  answers: Answers;
}

/** Asks what to do with the images. Returns undefined after "back". */
export async function askImages(prompts: Prompts): Promise<ImageWish | undefined> {
  const verb = await prompts.select({
    message: 'Images',
    choices: [
      { value: 'list', name: 'list them' },
      { value: 'remove', name: 'remove some …' },
      { value: 'prune', name: 'remove old ones …' },
      {
        value: 'gc',
        name: 'free disk space',
        description: 'The registry refuses pushes meanwhile; pulls go on.',
      },
      BACK,
    ],
  });
  if (verb === BACK.value) return undefined;
  if (verb === 'remove') {
    const validate = (text: string) => text.trim() !== '' || 'Type a name, such as team/app:1.0.';
    const message = "Which ones (team/app:1.0, team/app, 'team/*:pr-*')";
    const names = await prompts.input({ message, validate });
    return { operands: [verb, ...names.trim().split(/[\s,]+/)], answers: {} };
  }
  return { operands: [verb], answers: verb === 'prune' ? await askRules(prompts) : {} };
}

/** Asks for the two rules that matter most; the command shows what would go, and asks again. */
async function askRules(prompts: Prompts): Promise<Answers> {
  const { ageOf, checkAge } = await import('../../settings/validation.ts');
  const few = await prompts.input({
    message: 'How many images of each repository stay, the newest',
    default: '10',
    validate: (text) => /^[1-9]\d{0,5}$/.test(text.trim()) || 'A whole number, 1 or more.',
  });
  const age = await prompts.input({
    message: 'Remove only what is older than',
    default: '30d',
    validate: (text) => (ageOf(text) === undefined ? `${checkAge(text)?.message}.` : true),
  });
  const where = 'the question';
  return { 'keep-last': { value: Number(few), where }, 'older-than': { value: age.trim(), where } };
}
