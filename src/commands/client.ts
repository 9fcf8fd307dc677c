// `registry-setup --client`: this machine trusts a registry and is logged in to it; `--undo` takes that back.

import { isIP } from 'node:net';
import type { Answers } from '../arguments.ts';
import { readAnswers } from '../arguments.ts';
import { installedRoots } from '../client/certs-dir.ts';
import { discover, type Found } from '../client/discover.ts';
import { findPerson, findTargets, KNOWN } from '../client/find.ts';
import { chooseLogin } from '../client/login.ts';
import { madeForOthers, memoryBase, memoryOf } from '../client/memory.ts';
import { UnknownName, verifyReachable, whereIs } from '../client/reach.ts';
import { type Joining, join, preview, trusted } from '../client/run.ts';
import { endLines, foundLines, inClear, targetLines, trustLine } from '../client/screens.ts';
import { decideTrust, describeRoot } from '../client/trust.ts';
import { parseAddress, readWish, type Wish } from '../client/wish.ts';
import { type Context, isOn } from '../context.ts';
import { daemonInfo } from '../engines/dockerd.ts';
import { CliError, InputError, Interrupted } from '../errors.ts';
import type { Daemon } from '../resource.ts';
import { clearText } from '../resources/login.ts';
import { mergeAnswers } from '../settings.ts';
import { readYaml } from '../templates.ts';
import { undoClient } from './client-undo.ts';
import { changeDetails, showDryRun } from './dry-run.ts';

const asks = ({ output }: Context, on: boolean) => output.terminal && !on;

export async function client(context: Context): Promise<void> {
  const answers = await allAnswers(context);
  const person = await findPerson(context.host, context.env);
  const base = memoryBase(person, context.env);
  if (isOn(context, 'undo')) return undoClient(context, answers, base);

  const { host, output, env } = context;
  const { paint } = output;
  const interactive = asks(context, isOn(context, 'yes'));
  if (!answers.host) await askHost(context, answers, interactive);
  const wish = readWish(answers, KNOWN);
  const made = await madeForOthers(host, base, memoryOf(base, wish.name));
  const [found, targets] = await Promise.all([
    look(wish, context, interactive),
    findTargets({ host, env, wish, person, made, mayRestart: askRestart(context, interactive) }),
  ]);
  output.say(...foundLines(found));
  const installed = await installedRoots(
    host,
    targets.flatMap(({ certs }) => certs ?? []),
  );
  const trust = await decideTrust({
    wish,
    found,
    host,
    installed,
    confirm: interactive ? (root) => confirmRoot(context, root) : undefined,
  });
  output.say(
    ...trustLine(trust),
    ...targetLines(targets, paint),
    ...(trust.kind === 'http' ? inClear(paint) : []),
  );
  const credentials = await chooseLogin(context, wish, found, trusted(found, trust), targets);
  const hosts = wish.address
    ? [{ kind: 'hosts' as const, path: '/etc/hosts', name: wish.host, address: wish.address }]
    : [];
  const joining: Joining = { wish, found, trust, targets, credentials, base, hosts };
  const { changes } = await preview(joining, context);
  if (isOn(context, 'dry-run')) return showDryRun(context, { changes });
  if (!interactive && !isOn(context, 'yes'))
    throw new CliError('Nobody is here to say yes.', { fix: 'Add --yes to go ahead.', exitCode: 2 });
  const foreign = changes.some(({ resource }) => ['daemonJson', 'moved', 'hosts'].includes(resource.kind));
  if (interactive && foreign) {
    output.say('', ...changeDetails(changes, paint));
    const prompts = await context.prompts();
    if (!(await prompts.confirm({ message: 'Go ahead?', default: true })))
      throw new Interrupted('Nothing was changed.');
  }
  // Nothing to do: then nothing is locked and nothing is written.
  const done = changes.length > 0 ? await join(joining, context) : { changes, proven: [] };
  await tell(context, joining, done);
}

async function allAnswers({ answers, operands, host }: Context): Promise<Answers> {
  const [word, surplus] = operands;
  if (surplus) throw new InputError([{ where: surplus, message: 'one registry at a time' }]);
  const positional: Answers = word ? { host: { value: word, where: word } } : {};
  const file = answers.answers?.value as string | undefined;
  if (!file) return mergeAnswers(answers, positional);
  const bytes = await host.read(file);
  if (!bytes) throw new InputError([{ where: '--answers', message: `there is no file ${file}` }]);
  return mergeAnswers(answers, positional, readAnswers(file, readYaml(bytes.toString(), file)));
}

async function askHost(context: Context, answers: Answers, interactive: boolean): Promise<void> {
  if (!interactive)
    throw new CliError('Missing: --host.', {
      fix: ['The line that the server shows has it all:   registry-setup status'],
      exitCode: 2,
    });
  const prompts = await context.prompts();
  const value = await prompts.input({
    message: 'Registry',
    validate: (text) => {
      const found = parseAddress(text);
      return 'message' in found ? `${found.message}.` : true;
    },
  });
  answers.host = { value, where: '--host' };
}

/** Finds out what is there; a name that nobody knows is asked for at a terminal. */
async function look(wish: Wish, context: Context, interactive: boolean): Promise<Found> {
  try {
    const ip = await whereIs(wish);
    await verifyReachable(ip, wish);
    return await discover(wish, ip);
  } catch (error) {
    if (!(error instanceof UnknownName) || !interactive) throw error;
    context.output.say(`  ${error.message}`);
    const prompts = await context.prompts();
    wish.address = await prompts.input({
      message: `The IP address of ${wish.host} (a line in /etc/hosts)`,
      validate: (text) => isIP(text.trim()) > 0 || `"${text}" is not an IP address.`,
    });
    return look(wish, context, interactive);
  }
}

async function confirmRoot(context: Context, root: Parameters<typeof describeRoot>[0]): Promise<boolean> {
  context.output.say(...describeRoot(root).map((line) => `          ${line}`));
  const prompts = await context.prompts();
  return prompts.confirm({ message: 'Is this the fingerprint that the server showed?', default: false });
}

/** A restart stops what runs: it is a change of its own, and needs its own yes. */
function askRestart(context: Context, interactive: boolean) {
  const answered = new Map<string, boolean>();
  return async (daemon: Daemon, reason: string): Promise<boolean> => {
    if (isOn(context, 'restart-docker')) return true;
    if (!interactive) return false;
    const before = answered.get(reason);
    if (before !== undefined) return before;
    const info = await daemonInfo(context.host, daemon);
    const some = `${info?.running ?? 0} container${info?.running === 1 ? '' : 's'}`;
    context.output.say('', `  ${reason}`);
    const cost = info?.liveRestore
      ? `live-restore is on: ${some} keep running`
      : `${some} will stop, and start again where their policy says so`;
    const prompts = await context.prompts();
    const yes = await prompts.confirm({
      message: `That takes a restart of Docker (${cost}). Do it?`,
      default: false,
    });
    answered.set(reason, yes);
    return yes;
  };
}

async function tell(
  { host, output }: Context,
  { wish, found, trust, targets, credentials }: Joining,
  { changes, proven }: Awaited<ReturnType<typeof join>>,
): Promise<void> {
  output.json({
    ok: true,
    changed: changes.map(({ title, drift }) => ({ title, what: drift.what })),
    registry: { address: wish.name, tls: found.at.tls, login: found.login.kind },
    trust: trust.kind === 'roots' ? trust.roots.map(({ fingerprint256 }) => fingerprint256) : trust.kind,
    targets: targets.map(({ name, label }) => ({ name, label, proven: proven.includes(label) })),
    user: credentials?.user ?? null,
  });
  if (changes.length === 0)
    return output.say(
      `Nothing to do: this machine trusts ${wish.name}${credentials ? `, and is logged in as ${credentials.user}` : ''}.`,
    );
  if (found.login.kind !== 'none' && !credentials)
    output.say(`  Not logged in yet:   docker login ${wish.name}`);
  for (const { login } of changes.some(({ resource }) => resource.kind === 'login') ? targets : [])
    if (login && (await clearText(host, { file: login.file, registry: wish.name })))
      output.say(
        `  ${output.paint('yellow', '!')} The password lies readable in ${login.file}; a credential helper would keep it elsewhere.`,
      );
  output.say(...endLines(wish, targets));
}
