// `registry-setup backup FILE|-`, `backup --to DIR`: everything that makes this registry, for another machine or another day.
import { dirname, resolve } from 'node:path';
import { type Context, dirOf, isOn, mayAsk } from '../context.ts';
import { CliError, InputError } from '../errors.ts';
import { besides } from '../host/beside.ts';
import { runSteps, type Step } from '../reconcile/progress.ts';
import { awaitTurn, openRun } from '../reconcile/recover.ts';
import type { Run } from '../reconcile/run.ts';
import { settingsHere } from '../server/existing.ts';
import { type Kept, keepIn, mustBeForBackups } from '../server/maintenance/backup/directory.ts';
import { totals } from '../server/maintenance/backup/format.ts';
import { packingHere } from '../server/maintenance/backup/packing.ts';
import { type Plan, planBackup } from '../server/maintenance/backup/pieces.ts';
import { type Passphrase, passphraseOf } from '../server/maintenance/backup/seal.ts';
import { type Survey, survey } from '../server/maintenance/backup/survey.ts';
import { backupStream, checkFile } from '../server/maintenance/backup/write.ts';
import { servedStorage } from '../server/plan/serving.ts';
import { givenPassphrase } from '../settings/given-passphrase.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes, count, SYMBOL } from '../terminal/output.ts';
import { quoted, shellLine } from '../terminal/shell.ts';
import { toStandardOutput } from '../terminal/standard-output.ts';
import { agree } from './consent.ts';

/** Where a backup goes. */
type Target = { kind: 'file' | 'directory'; path: string } | { kind: 'stdout' };

export async function backup(context: Context): Promise<void> {
  const { answers, host, output } = context;
  const target = targetOf(context);
  if (target.kind === 'file') await mustBeWritable(context, target.path);
  if (target.kind === 'directory') await mustBeForBackups(host, target.path);
  const dir = dirOf(answers);
  await awaitTurn(context, dir);
  const settings = await settingsHere(context);
  const storage = (await servedStorage(host, dir).catch(() => undefined)) ?? settings.storage;
  const secret = await givenPassphrase(answers, host);
  const key = secret && passphraseOf(secret);
  const images = answers.images?.value !== false;
  if (isOn(context, 'dry-run')) {
    const found = images ? await survey(host, storage) : undefined;
    return showPlan(context, target, await planBackup(host, { dir, storage }, found));
  }
  if (target.kind === 'file') await mayReplace(context, target.path);
  const run = await openRun(context, dir);
  try {
    const done = await carryOut(context, { target, dir, storage, images, key, run });
    tell(context, target, done);
  } finally {
    // Of this run only the record of the file that was begun is left.
    await run.rollBack(context.uninterruptible);
    await run.release();
  }
  if (key === undefined && target.kind !== 'stdout')
    output.say(
      '  The keys of this registry are in it: store it where only you can read it, or encrypt it with --passphrase-file.',
    );
}

/** Returns where the backup goes. @throws InputError if nothing says it, or two things do; CliError for a terminal */
function targetOf({ operands, answers, output }: Context): Target {
  const [word] = operands;
  const to = answers.to;
  if (to && word !== undefined)
    throw new InputError([
      { where: to.where, message: 'and a file: a backup goes to one place', fix: 'Leave one of them out.' },
    ]);
  if (to) return { kind: 'directory', path: resolve(String(to.value)) };
  if (!word)
    throw new InputError([
      {
        where: commandLine('backup'),
        message: 'needs the name of the file to write, or --to DIR',
        fix: commandLine('backup /mnt/registry.backup'),
      },
    ]);
  if (word !== '-') return { kind: 'file', path: resolve(word) };
  if (process.stdout.isTTY)
    throw new CliError('A backup is not for a terminal.', {
      fix: commandLine('backup - | ssh HOST "cat >registry.backup"'),
      exitCode: 2,
    });
  if (output.asJson)
    throw new InputError([
      { where: '--json', message: 'standard output is taken by the backup', fix: 'Leave --json out.' },
    ]);
  return { kind: 'stdout' };
}

/** @throws InputError if no file can have that path */
async function mustBeWritable({ host }: Context, file: string): Promise<void> {
  const bad = (message: string, fix: string) => new InputError([{ where: file, message, fix }]);
  const [there, parent] = await Promise.all([host.stat(file), host.stat(dirname(file))]);
  if (there?.type === 'dir') throw bad('is a directory', commandLine(`backup --to ${quoted(file)}`));
  if (there && there.type !== 'file') throw bad('is not a file', commandLine('backup - >FILE'));
  if (parent?.type !== 'dir')
    throw bad(`there is no directory ${dirname(file)}`, shellLine('mkdir', ['-p', dirname(file)]));
}

/** Asks before a file is replaced. @throws CliError (exit 2) without a terminal and without --yes */
async function mayReplace(context: Context, file: string): Promise<void> {
  if (isOn(context, 'yes') || !(await context.host.stat(file))) return;
  if (mayAsk(context)) return agree(context, `${file} is there already. Replace it?`, false);
  throw new CliError(`${file} is there already.`, {
    fix: [`Replace it:   ${commandLine(`backup --yes ${quoted(file)}`)}`, 'Or choose another name.'],
    exitCode: 2,
  });
}

interface Work {
  target: Target;
  dir: string;
  storage: string;
  images: boolean;
  key: Passphrase | undefined;
  run: Run;
}

interface Done {
  plan: Plan;
  /** Of a file, or of the stream. */
  bytes: number;
  packing: 'zstd' | 'gzip' | undefined;
  encrypted: boolean;
  kept: Kept | undefined;
}

async function carryOut(context: Context, work: Work): Promise<Done> {
  const { host, output, signal } = context;
  const { target, dir, storage, images, key, run } = work;
  let found: Survey | undefined;
  const look: Step = {
    title: 'Looked at the images',
    async run(report) {
      found = await survey(host, storage, (done) => report(`${done} manifests`));
      return `${count(tagsIn(found), 'image')} found`;
    },
  };
  if (images) await runSteps([look], output, signal);
  warnIncomplete(context, found);
  const plan = await planBackup(host, { dir, storage }, found);
  const all = totals(plan.contents).bytes;
  const done: Done = { plan, bytes: 0, packing: undefined, encrypted: key !== undefined, kept: undefined };
  // A run that is killed leaves it: the next one removes it.
  const begin = (path: string) =>
    run.record({ kind: 'file', id: path }, path, { steps: [{ do: 'remove', path }] }, true);
  const far = (report: (text: string) => void) => (sum: number) => report(`${bytes(sum)} of ${bytes(all)}`);
  if (target.kind === 'directory') {
    await runSteps([directoryStep(context, { plan, path: target.path, key, begin }, done)], output, signal);
    return done;
  }
  const how = { packing: await packingHere(host), key };
  done.packing = how.packing;
  if (target.kind === 'stdout') {
    done.bytes = await toStandardOutput(backupStream(host, plan, how), signal);
    return done;
  }
  const { path } = target;
  const temporary = besides(path);
  await begin(temporary);
  const steps: Step[] = [
    {
      title: path,
      async run(report) {
        await host.save(temporary, backupStream(host, plan, how, far(report)), 0o600);
        done.bytes = (await host.stat(temporary))?.size ?? 0;
        return `${path}, ${bytes(done.bytes)}`;
      },
    },
    {
      title: 'Checked',
      async run(report) {
        await checkFile(host, temporary, how, far(report));
        await host.rename(temporary, path);
        return `Checked: ${amount(plan)}`;
      },
    },
  ];
  await runSteps(steps, output, signal);
  return done;
}

interface Into {
  plan: Plan;
  path: string;
  key: Passphrase | undefined;
  begin: (path: string) => Promise<void>;
}

const directoryStep = ({ host }: Context, { plan, path, key, begin }: Into, done: Done): Step => ({
  title: path,
  async run(report) {
    const of = plan.contents.blobs.length;
    const told = (number: number) => report(`${number} of ${of} blobs`);
    done.kept = await keepIn(host, path, plan, key, { told, begin });
    done.bytes = done.kept.bytes;
    return `Checked: ${amount(plan)}, of which ${bytes(done.kept.bytes)} are new`;
  },
});

const tagsIn = ({ repositories }: Survey): number =>
  repositories.reduce((sum, { tags }) => sum + tags.length, 0);
/** Returns `12 images, 340 MB`. */
function amount({ contents }: Plan): string {
  const { images, bytes: size } = totals(contents);
  return contents.images ? `${count(images, 'image')}, ${bytes(size)}` : 'no images, as asked';
}

/** Says which images are not whole in the registry itself: nobody can pull them. */
function warnIncomplete({ output }: Context, found: Survey | undefined): void {
  const names = found?.incomplete ?? [];
  if (names.length === 0) return;
  const some = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
  output.say(
    `${output.paint('yellow', SYMBOL.warning)} Not in the backup, because parts of them are gone from the storage: ${some} (${names.length}).`,
    `  To remove them:   ${commandLine(`image remove ${names[0]}`)}`,
  );
}

function showPlan({ output }: Context, target: Target, plan: Plan): void {
  const { contents, survey: found } = plan;
  const place = target.kind === 'stdout' ? '-' : target.path;
  const { images, repositories, blobs, bytes: size } = totals(contents);
  output.json({
    ok: true,
    dryRun: true,
    target: place,
    images,
    repositories,
    blobs,
    bytes: size,
    incomplete: found.incomplete,
  });
  output.out(
    ...contents.files.map(({ name, size: of }) => `  ${name}   ${bytes(of)}`),
    `  ${amount(plan)}`,
    'Nothing was written.',
  );
}

function tell({ output }: Context, target: Target, done: Done): void {
  const { plan, packing, encrypted, kept } = done;
  const { images, repositories, blobs, bytes: size } = totals(plan.contents);
  output.json({
    ok: true,
    ...(target.kind === 'file' && { file: target.path, compression: packing }),
    ...(target.kind === 'directory' && { directory: target.path, state: kept?.state, newBlobs: kept?.blobs }),
    bytes: done.bytes,
    encrypted,
    checked: true,
    images,
    repositories,
    blobs,
    imageBytes: size,
    incomplete: plan.survey.incomplete,
    ...(kept && { freed: kept.freed }),
  });
  if (kept && kept.freed.blobs > 0)
    output.say(
      `Removed ${count(kept.freed.blobs, 'blob')} that no state needs any more: ${bytes(kept.freed.bytes)}.`,
    );
  if (target.kind === 'stdout') return;
  output.say(
    '',
    '  To restore it on another machine:',
    `    ${commandLine(`restore ${quoted(target.path)}`)}`,
  );
}
