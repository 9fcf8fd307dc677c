// `registry-setup user list | add | remove | password`: changes who may log in. The registry re-reads its users, so nothing restarts.
import { type Context, dirOf, isOn, mayAsk } from '../context.ts';
import { CliError } from '../errors.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import type { Secret } from '../secret.ts';
import { loadExisting } from '../server/existing.ts';
import { preview } from '../server/make-plan.ts';
import { carryOut } from '../server/run.ts';
import { loginLines } from '../server/screens/summary.ts';
import { askPassword } from '../server/wizard/questions/login.ts';
import type { Answers } from '../settings/answers.ts';
import { hasRoles } from '../settings/gateway.ts';
import { givenPasswords } from '../settings/given-passwords.ts';
import { publicAddress } from '../settings/public-address.ts';
import { checkReader, everyone, readersOf } from '../settings/readers.ts';
import type { Settings } from '../settings/settings.ts';
import { foreignRealm } from '../settings/token-server.ts';
import { checkUser } from '../settings/validation.ts';
import { commandLine } from '../terminal/command.ts';
import { quoted } from '../terminal/shell.ts';
import { agree } from './consent.ts';

const usage = () => [
  commandLine('user list | add NAME | remove NAME | password NAME'),
  `${commandLine('user add --reader NAME[:REPO]')}      may pull and not push (token mode)`,
];

export async function user(context: Context): Promise<void> {
  const [verb = 'list', ...names] = context.operands;
  if (verb !== 'list') await awaitTurn(context, dirOf(context.answers));
  const { settings, facts } = await loadExisting(context);
  if (verb === 'list') return list(context, settings);
  const readers = (context.answers.reader?.value as string[] | undefined) ?? [];
  const [name, ...more] = [...names, ...readersOf({ readers }).map((reader) => reader.name)];
  const asked = { verb, name: name ?? '', isNamed: name !== undefined, more, readers };
  const [refused] = RULES.flatMap((rule) => rule(asked, settings) ?? []);
  if (refused) throw new CliError(refused.message, { fix: refused.fix, exitCode: 2 });
  await change(context, verb, asked.name, rolesAfter(asked, settings), facts.seen);
}

/** What the user asked for. */
interface Asked {
  verb: string;
  name: string;
  isNamed: boolean;
  /** Further names: one too many. */
  more: string[];
  /** As --reader has them: NAME[:REPO]. */
  readers: string[];
}

/** Says what is wrong, and the way out; nothing if the rule is kept. */
type Rule = (asked: Asked, settings: Settings) => { message: string; fix: string | string[] } | undefined;

/** What must be true before a user is changed. The first rule that is broken is reported: the later ones rest on it. */
const RULES: Rule[] = [
  ({ verb, isNamed }) => (isNamed ? undefined : { message: `"user ${verb}" needs a name.`, fix: usage() }),
  ({ name, more }) =>
    more.length > 0
      ? { message: `One user at a time: ${[name, ...more].join(', ')}.`, fix: usage() }
      : undefined,
  (_, settings) =>
    foreignRealm(settings) === undefined
      ? undefined
      : {
          message: `The users are those of ${foreignRealm(settings)}.`,
          fix: 'Add, change and remove them there.',
        },
  ({ name }, { auth }) =>
    auth === 'none'
      ? { message: 'Nobody logs in to this registry.', fix: commandLine(`--auth htpasswd --user ${name}`) }
      : undefined,
  ({ name, readers }) => {
    const [wrong] = [checkUser(name), ...readers.map(checkReader)].filter((found) => found !== undefined);
    return wrong && { message: `${wrong.message}.`, fix: wrong.fix ?? usage() };
  },
  ({ readers }, settings) =>
    readers.length > 0 && !hasRoles(settings)
      ? {
          message: `With ${settings.auth} everybody who logs in may push: readers need the gateway, or token mode.`,
          fix: [
            `With the gateway:   ${commandLine(`--gateway --reader ${readers[0]}`)}`,
            `In token mode:      ${commandLine(`--auth token --reader ${readers[0]}`)}`,
          ],
        }
      : undefined,
  ({ readers }, { auth }) =>
    auth !== 'token' && readers.some((reader) => reader.includes(':'))
      ? {
          message: 'The gateway lets a reader pull everything: readers of some repositories need token mode.',
          fix: commandLine(`--auth token --reader ${readers[0]}`),
        }
      : undefined,
  ({ verb, name, readers }, settings) => {
    if (verb !== 'add' || !everyone(settings).includes(name)) return undefined;
    if (readers.length === 0 || settings.users.includes(name))
      return { message: `${name} is there already.`, fix: commandLine(`user password ${name}`) };
    const all = [...settings.readers, ...readers].flatMap((reader) => ['--reader', reader]);
    return {
      message: `${name} is a reader already.`,
      fix: commandLine(['--yes', ...all].map(quoted).join(' ')),
    };
  },
  ({ verb, name }, settings) =>
    verb !== 'add' && !everyone(settings).includes(name)
      ? { message: `There is no user ${name}.`, fix: commandLine(`user add ${name}`) }
      : undefined,
  ({ verb, name }, { users }) =>
    verb === 'remove' && users.length === 1 && users[0] === name
      ? {
          message: `${name} is the last one who can push.`,
          fix: [
            `Add another one first:   ${commandLine('user add NAME')}`,
            `Or let everyone in:      ${commandLine('--auth none')}`,
          ],
        }
      : undefined,
];

/** Returns who may log in after the change; a new password changes nobody's role. */
function rolesAfter({ verb, name, readers }: Asked, settings: Settings): Pick<Settings, 'users' | 'readers'> {
  if (verb === 'remove')
    return {
      users: settings.users.filter((who) => who !== name),
      readers: settings.readers.filter((reader) => reader.split(':')[0] !== name),
    };
  const adds = verb === 'add';
  return {
    users: adds && readers.length === 0 ? [...settings.users, name] : settings.users,
    readers: adds ? [...settings.readers, ...readers] : settings.readers,
  };
}

/** Prints the names, and in token mode what each may do. */
function list({ output }: Context, settings: Settings): void {
  const { auth, users } = settings;
  const token = auth === 'token';
  const roles = hasRoles(settings);
  const all = [
    ...users.map((name) => ({ name, role: 'administrator', scopes: [] as string[] })),
    ...readersOf(settings).map(({ name, scopes }) => ({
      name,
      role: roles ? 'reader' : 'administrator',
      scopes,
    })),
  ];
  output.json({ ok: true, auth, anonymousPull: token && settings.anonymousPull, users: all });
  if (auth === 'none') {
    output.out('Nobody logs in here: everyone who can reach it may use it.');
    return;
  }
  if (foreignRealm(settings) !== undefined) {
    output.out(`The users are those of ${foreignRealm(settings)}.`);
    return;
  }
  const width = Math.max(...all.map(({ name }) => name.length)) + 3;
  output.out(
    ...all.map(({ name, role, scopes }) =>
      roles ? `${name.padEnd(width)}${role.padEnd(16)}${scopes.join(', ') || 'all repositories'}` : name,
    ),
    ...(token && settings.anonymousPull
      ? [`${'(all)'.padEnd(width)}${'reader'.padEnd(16)}all repositories`]
      : []),
  );
}

async function change(
  context: Context,
  verb: string,
  name: string,
  { users, readers }: Pick<Settings, 'users' | 'readers'>,
  seen: string,
): Promise<void> {
  const { output, host, env } = context;
  const answers: Answers = {
    user: { value: users, where: 'user' },
    reader: { value: readers, where: 'reader', last: true },
  };
  const passwords = new Map<string, Secret | 'new'>();
  if (verb !== 'remove') {
    const given = await givenPasswords(context.answers, env, host, [name]);
    if (given.size === 0 && mayAsk(context))
      await askPassword({ prompts: await context.prompts(), passwords: given }, name, false);
    passwords.set(name, given.get(name) ?? 'new');
  }
  const found = await loadExisting(context, answers);
  // The roles were decided before the password was asked for.
  const request = { ...found, facts: { ...found.facts, seen }, passwords };
  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(request, context));
  const { settings } = request;
  if (verb === 'remove')
    await agree(
      context,
      `Remove ${name} from ${publicAddress(settings).name}? ${name} cannot log in any more`,
      false,
    );
  const { changes, secrets, passwordFile } = await carryOut(request, context);
  output.json({
    ok: true,
    changed: changed(changes),
    ...(passwordFile && { passwordFile }),
  });
  const done: Record<string, string> = {
    add: `${name} can log in now.`,
    // A token is valid for 900 seconds, even if its user has been removed.
    remove: `${name} cannot log in any more.${settings.auth === 'token' ? ' A token from before is valid for up to 15 minutes.' : ''}`,
    password: `The password of ${name} is changed.`,
  };
  output.say('', `${done[verb]}`, ...loginLines(secrets, passwordFile, output.paint));
}
