// `registry-setup user list | add | remove | password`: changes who may log in. The registry re-reads its users, so nothing restarts.
import { type Context, dirOf, isOn, mayAsk } from '../context.ts';
import { CliError } from '../errors.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import type { Secret } from '../secret.ts';
import { existing } from '../server/existing.ts';
import { carryOut, preview } from '../server/run.ts';
import { loginLines } from '../server/screens/summary.ts';
import { askPassword } from '../server/wizard/questions/login.ts';
import type { Answers } from '../settings/answers.ts';
import { givenPasswords } from '../settings/given-passwords.ts';
import { checkReader, everyone, readersOf } from '../settings/readers.ts';
import { address, type Settings } from '../settings/settings.ts';
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
  const { settings, facts } = await existing(context);
  if (verb === 'list') return list(context, settings);
  const readers = (context.answers.reader?.value as string[] | undefined) ?? [];
  const [name, ...more] = [...names, ...readersOf({ readers }).map((reader) => reader.name)];
  const bad = (message: string, fix: string | string[]) => new CliError(message, { fix, exitCode: 2 });
  if (name === undefined) throw bad(`"user ${verb}" needs a name.`, usage());
  if (more.length > 0) throw bad(`One user at a time: ${[name, ...more].join(', ')}.`, usage());
  if (settings.auth === 'none')
    throw bad('Nobody logs in to this registry.', commandLine(`--auth htpasswd --user ${name}`));
  const [wrong] = [checkUser(name), ...readers.map(checkReader)].filter((found) => found !== undefined);
  if (wrong) throw bad(`${wrong.message}.`, wrong.fix ?? usage());
  if (readers.length > 0 && settings.auth !== 'token')
    throw bad(
      `With ${settings.auth} everybody who logs in may push: readers need token mode.`,
      commandLine(`--auth token --reader ${readers[0]}`),
    );
  const there = everyone(settings).includes(name);
  const allReaders = [...settings.readers, ...readers].flatMap((reader) => ['--reader', reader]);
  if (verb === 'add' && there && readers.length > 0 && !settings.users.includes(name))
    throw bad(`${name} is a reader already.`, commandLine(['--yes', ...allReaders].map(quoted).join(' ')));
  if (verb === 'add' && there) throw bad(`${name} is there already.`, commandLine(`user password ${name}`));
  if (verb !== 'add' && !there) throw bad(`There is no user ${name}.`, commandLine(`user add ${name}`));
  if (verb === 'remove' && settings.users.length === 1 && settings.users[0] === name)
    throw bad(`${name} is the last one who can push.`, [
      `Add another one first:   ${commandLine('user add NAME')}`,
      `Or let everyone in:      ${commandLine('--auth none')}`,
    ]);
  const roles = { users: settings.users, readers: settings.readers };
  if (verb === 'add' && readers.length > 0) roles.readers = [...settings.readers, ...readers];
  else if (verb === 'add') roles.users = [...settings.users, name];
  if (verb === 'remove') {
    roles.users = settings.users.filter((who) => who !== name);
    roles.readers = settings.readers.filter((reader) => reader.split(':')[0] !== name);
  }
  await change(context, verb, name, roles, facts.seen);
}

/** Prints the names, and in token mode what each may do. */
function list({ output }: Context, settings: Settings): void {
  const { auth, users } = settings;
  const token = auth === 'token';
  const all = [
    ...users.map((name) => ({ name, role: 'administrator', scopes: [] as string[] })),
    ...readersOf(settings).map(({ name, scopes }) => ({
      name,
      role: token ? 'reader' : 'administrator',
      scopes,
    })),
  ];
  output.json({ ok: true, auth, anonymousPull: token && settings.anonymousPull, users: all });
  if (auth === 'none') {
    output.out('Nobody logs in here: everyone who can reach it may use it.');
    return;
  }
  const width = Math.max(...all.map(({ name }) => name.length)) + 3;
  output.out(
    ...all.map(({ name, role, scopes }) =>
      token ? `${name.padEnd(width)}${role.padEnd(16)}${scopes.join(', ') || 'all repositories'}` : name,
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
  const found = await existing(context, answers);
  // The roles were decided before the password was asked for.
  const wanted = { ...found, facts: { ...found.facts, seen }, passwords };
  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(wanted, context));
  const { settings } = wanted;
  if (verb === 'remove')
    await agree(context, `Remove ${name} from ${address(settings)}? ${name} cannot log in any more`, false);
  const { changes, material, passwordFile } = await carryOut(wanted, context);
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
  output.say('', `${done[verb]}`, ...loginLines(material, passwordFile, output.paint));
}
