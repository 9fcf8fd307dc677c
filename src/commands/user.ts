// `registry-setup user list | add | remove | password`: who may log in. The registry re-reads its users, so nothing restarts.
import type { Answers } from '../arguments.ts';
import { type Context, isOn } from '../context.ts';
import { CliError } from '../errors.ts';
import { existing } from '../existing.ts';
import { givenPasswords } from '../passwords.ts';
import { askPassword } from '../questions.ts';
import { loginLines } from '../screens.ts';
import type { Secret } from '../secret.ts';
import { carryOut, preview } from '../server.ts';
import { checkUser } from '../validation.ts';
import { showDryRun } from './dry-run.ts';

const USAGE = 'registry-setup user list | add NAME | remove NAME | password NAME';

export async function user(context: Context): Promise<void> {
  const [verb = 'list', name, ...rest] = context.operands;
  const before = await existing(context);
  const { auth, users } = before.settings;
  const bad = (message: string, fix: string) => new CliError(message, { fix, exitCode: 2 });
  if (verb === 'list') {
    context.output.json({ ok: true, users: users.map((who) => ({ name: who })), auth });
    return context.output.out(
      ...(auth === 'none' ? ['Nobody logs in here: everyone who can reach it may use it.'] : users),
    );
  }
  if (!['add', 'remove', 'password'].includes(verb) || name === undefined || rest.length > 0)
    throw bad(`"user ${context.operands.join(' ')}" is not understood.`, USAGE);
  if (auth === 'none')
    throw bad('Nobody logs in to this registry.', `registry-setup --auth htpasswd --user ${name}`);
  const wrong = checkUser(name);
  if (wrong) throw bad(`${wrong.message}.`, USAGE);
  const there = users.includes(name);
  if (verb === 'add' && there) throw bad(`${name} is there already.`, `registry-setup user password ${name}`);
  if (verb !== 'add' && !there) throw bad(`There is no user ${name}.`, `registry-setup user add ${name}`);
  if (verb === 'remove' && users.length === 1)
    throw bad(`${name} is the last one who can log in.`, 'registry-setup --auth none      lets everyone in');
  const names =
    verb === 'add' ? [...users, name] : verb === 'remove' ? users.filter((who) => who !== name) : users;
  await change(context, verb, name, names);
}

async function change(context: Context, verb: string, name: string, names: string[]): Promise<void> {
  const { output, host, env } = context;
  const answers: Answers = { user: { value: names, where: 'user' } };
  const passwords = new Map<string, Secret | 'new'>();
  if (verb !== 'remove') {
    const given = await givenPasswords(context.answers, env, host, [name]);
    if (given.size === 0 && output.terminal && !isOn(context, 'yes'))
      await askPassword({ prompts: await context.prompts(), passwords: given }, name, false);
    passwords.set(name, given.get(name) ?? 'new');
  }
  const wanted = { ...(await existing(context, answers)), passwords };
  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(wanted, context));
  const { changes, material, passwordFile } = await carryOut(wanted, context);
  output.json({
    ok: true,
    changed: changes.map(({ title, drift }) => ({ title, what: drift.what })),
    ...(passwordFile && { passwordFile }),
  });
  const done: Record<string, string> = {
    add: `${name} can log in now.`,
    remove: `${name} cannot log in any more.`,
    password: `The password of ${name} is changed.`,
  };
  output.say('', `${done[verb]}`, ...loginLines(material, passwordFile, output.paint));
}
