// `registry-setup --client`: makes this machine trust a registry and logs in to it; `--undo` undoes that.
import { installedRoots } from '../client/certs-dir.ts';
import { finderOf, findPerson, findTargets } from '../client/detect.ts';
import { askLogin } from '../client/discover.ts';
import { formerOf } from '../client/former.ts';
import { chooseLogin, verifyNoneExposed } from '../client/login.ts';
import { readWish } from '../client/options.ts';
import { type JoinInputs, trusted } from '../client/plan.ts';
import { askHost, askRestart, confirmPlain, confirmRoot, look } from '../client/prompts.ts';
import { madeForOthers, memoryBase, memoryOf } from '../client/records.ts';
import { needsRoot, pasteLines } from '../client/root-commands.ts';
import { join, prepare, preview } from '../client/run.ts';
import {
  blockedLines,
  endLines,
  foundLines,
  inClear,
  mirrorInClear,
  notTried,
  pasteScreen,
  targetLines,
  trustLine,
} from '../client/screens.ts';
import { type Person, TARGETS } from '../client/target.ts';
import { decideTrust } from '../client/trust.ts';
import { type Context, isOn, mayAsk } from '../context.ts';
import { changeDetails, changed, showDryRun } from '../reconcile/dry-run.ts';
import type { Change } from '../reconcile/reconcile.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { mustAgree } from '../resources/hosts.ts';
import { clearText } from '../resources/login.ts';
import { providerNamed, type ResourceOf } from '../resources/resource.ts';
import { answersFile } from '../settings/answers-file.ts';
import { mergeAnswers } from '../settings/resolve.ts';
import { undoClient } from './client-undo.ts';
import { agree, askable } from './consent.ts';

export async function client(context: Context): Promise<void> {
  const { host, output, env } = context;
  const answers = mergeAnswers(context.answers, await answersFile(context.answers, host));
  const { paint } = output;
  const person = await findPerson(host, env);
  const base = memoryBase(person, env);
  if (isOn(context, 'undo')) return undoClient(context, answers, base);

  const interactive = mayAsk(context);
  if (!answers.host) await askHost(context, answers, interactive);
  const request = readWish(answers, TARGETS);
  await awaitTurn(context, memoryOf(base, request.name));
  const made = await madeForOthers(host, base, memoryOf(base, request.name));
  const blocked: JoinInputs['blocked'] = new Map();
  const mayRestart = askRestart(context, interactive);
  const [found, targets] = await Promise.all([
    look(request, context, interactive),
    findTargets({ host, env, has: finderOf(host, env), request, person, made, blocked, mayRestart }),
  ]);
  output.say(...foundLines(found));
  const installed = await installedRoots(
    host,
    targets.flatMap(({ certs }) => certs ?? []),
  );
  const confirm = interactive ? (root: (typeof installed)[number]) => confirmRoot(context, root) : undefined;
  const former = await formerOf({ host, env, person, request }, base);
  const trust = await decideTrust({
    ...{ request, found, host, installed, confirm, former },
    confirmPlain: interactive ? () => confirmPlain(context) : undefined,
  });
  const inPlain = trust.kind === 'http';
  found.login = await askLogin(request, trusted(found, trust));
  output.say(
    ...trustLine(trust),
    ...targetLines(targets, paint),
    ...(inPlain ? inClear(paint) : []),
    ...(inPlain && request.mirror ? mirrorInClear(paint) : []),
  );

  const hosts: ResourceOf<'hosts'>[] = request.address
    ? [{ kind: 'hosts', path: '/etc/hosts', name: request.host, address: request.address }]
    : [];
  for (const line of hosts) await mustAgree(line, host);
  const all: JoinInputs = {
    request,
    found,
    trust,
    targets,
    credentials: undefined,
    base,
    blocked,
    made,
    hosts,
  };
  const { doable, lines } = await separate(all, context, person);
  // Finds out what each target needs, and so whether it can work at all: asks and reports that before the password.
  if (doable.targets.length > 0) await preview(doable, context);
  if (blocked.size > 0) output.say(...blockedLines(blocked, paint));
  const dry = isOn(context, 'dry-run');
  if (!dry) askable(context);
  const needsLogin = found.login.kind !== 'none' && doable.targets.some(({ login }) => login);
  // No password is sent in clear before the user has said yes.
  const early = interactive && !dry && inPlain && needsLogin;
  if (early) await askToGoAhead(context, (await preview(doable, context)).changes);
  const credentials = await chooseLogin(context, doable, former);
  const inputs = { ...doable, credentials };
  // A dry run at a terminal has not asked for the password that would replace a stored one.
  if (!(dry && interactive)) await verifyNoneExposed(inputs, host);
  const { changes } = await preview(inputs, context);
  if (dry) {
    if (needsLogin) output.say(...notTried);
    return showDryRun(context, { changes });
  }
  const shared = changes.some(({ resource }) => providerNamed(resource.kind)?.shared);
  if (interactive && shared && !early) await askToGoAhead(context, changes);
  // With nothing to do, nothing is locked or written, unless the registry is now reached in another way (TLS, plain HTTP).
  const other = former.way !== undefined && (former.way === 'http') !== inPlain;
  const done = changes.length > 0 || other ? await join(inputs, context) : { changes, proven: [] };
  await tell(context, inputs, done, lines);
}

async function askToGoAhead(context: Context, changes: Change[]): Promise<void> {
  const { output } = context;
  output.say('', ...changeDetails(changes, output.paint));
  await agree(context, 'Go ahead?', true);
}

/** Separates what this user can do from the commands that only root can run. A target that needs those is not used yet. */
async function separate(all: JoinInputs, context: Context, person: Person) {
  if (person.uid === 0) return { doable: all, lines: [] };
  const { host } = context;
  const lines: string[] = [];
  const targets: JoinInputs['targets'] = [];
  const pasted = async (part: JoinInputs) => {
    const { changes } = await prepare(part, context, new Map());
    const theirs = changes.filter((change) => needsRoot(change, person));
    for (const change of theirs) lines.push(...(await pasteLines(change, host)));
    return theirs.length > 0;
  };
  const named = !(await pasted({ ...all, targets: [] }));
  for (const target of all.targets)
    if (!(await pasted({ ...all, hosts: [], targets: [target] })) && named) targets.push(target);
  return { doable: { ...all, hosts: [], targets }, lines };
}

async function tell(
  { host, output }: Context,
  { request, found, trust, targets, credentials, blocked }: JoinInputs,
  { changes, proven }: Awaited<ReturnType<typeof join>>,
  lines: string[],
): Promise<void> {
  output.json({
    ok: true,
    changed: changed(changes),
    registry: { address: request.name, tls: found.at.tls, login: found.login.kind },
    trust: trust.kind === 'roots' ? trust.roots.map(({ fingerprint256 }) => fingerprint256) : trust.kind,
    targets: targets.map(({ name, label }) => ({ name, label, proven: proven.includes(label) })),
    user: credentials?.user ?? null,
    ...(blocked.size > 0 && { blocked: Object.fromEntries(blocked) }),
    ...(lines.length > 0 && { forRoot: lines }),
  });
  if (lines.length > 0) {
    output.say(...pasteScreen(lines));
    if (targets.length === 0) return;
  }
  if (changes.length === 0) {
    const login = credentials ? `, and is logged in as ${credentials.user}` : '';
    return output.say(`Nothing to do: this machine trusts ${request.name}${login}.`);
  }
  const places = changes.some(({ resource }) => resource.kind === 'login') ? targets : [];
  const files = places.flatMap(({ login }) => (login ? login.file : []));
  for (const file of new Set(files))
    if (await clearText(host, { file, registry: request.name }))
      output.say(
        `  ${output.paint('yellow', '!')} The password is readable in ${file};`,
        '    a credential helper would keep it elsewhere.',
      );
  output.say(...endLines(request, targets, found.login.kind !== 'none' && !credentials));
}
