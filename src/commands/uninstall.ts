// `registry-setup uninstall`: all that was done here, undone; the images stay unless --purge.
import { dirname, join } from 'node:path';
import { type Context, dirOf, isOn } from '../context.ts';
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { changeDetails, showDryRun } from '../reconcile/dry-run.ts';
import { readOldest, readUnfinished } from '../reconcile/journal.ts';
import { applyOrUndo, diff, stepsOf, wayBack } from '../reconcile/reconcile.ts';
import { recoverFirst } from '../reconcile/recover.ts';
import { beginRun } from '../reconcile/run.ts';
import { readYaml } from '../templates.ts';
import { bytes } from '../terminal/output.ts';
import { shellLine } from '../terminal/shell.ts';
import { askEngine, engineLines, engineOf, usedByOthers } from './uninstall-engine.ts';

/** Where a registry has its images, in its storage. */
const IMAGES = 'docker/registry';

/** What a link leads to may be anybody's. */
const barredBy = (path: string, exitCode: 1 | 2): CliError =>
  new CliError(`${path} is a link, or a file, and not a directory: no images are removed through it.`, {
    why: `A registry makes directories there and nothing else.${exitCode === 1 ? ' The registry itself is removed.' : ''}`,
    fix: [
      `See where it leads:      ${shellLine('ls', ['-ld', path])}`,
      `Take it away:            ${shellLine('rm', [path])}      (what a link leads to stays)`,
      ...(exitCode === 2 ? ['Or keep the images:      registry-setup uninstall'] : []),
    ],
    exitCode,
  });

export async function uninstall(context: Context): Promise<void> {
  const { host, output, signal, calm } = context;
  const dir = dirOf(context.answers);
  const purge = isOn(context, 'purge');
  const [oldest, left, settings] = await Promise.all([
    readOldest(host, dir),
    readUnfinished(host, dir),
    lastSettings(host, dir),
  ]);
  if (oldest.size === 0 && !left) {
    output.json({ ok: true, changed: [] });
    return output.say(`Nothing to do: registry-setup has done nothing in ${dir}.`);
  }
  const storage = host.inside(settings.storage);
  const images = join(settings.storage, IMAGES);
  const imagesThere = (await host.stat(images)) !== undefined;
  const barred = purge ? await storage.barred(IMAGES) : undefined;
  if (barred) throw barredBy(barred, 2);
  const engine = engineOf(oldest);
  const before = new Map([...oldest].filter(([key]) => !engine.has(key)));
  let changes = await diff(wayBack(isOn(context, 'with-engine') ? oldest : before), host);
  if (isOn(context, 'dry-run')) return showDryRun(context, { changes });

  const inUse = engine.size > 0 ? await usedByOthers(oldest, host) : undefined;
  let withEngine = isOn(context, 'with-engine');
  if (withEngine && inUse) throw inUse;
  if (!isOn(context, 'yes')) {
    if (!output.terminal)
      throw new CliError('Nobody is here to say yes.', { fix: 'Add --yes to go ahead.', exitCode: 2 });
    output.say('', ...changeDetails(changes, output.paint));
    await confirmed(context, purge && imagesThere ? images : undefined, settings.host);
    if (engine.size > 0 && !withEngine && !inUse) withEngine = await askEngine(context, engine);
    if (withEngine) changes = await diff(wayBack(oldest), host);
  }
  const run = await beginRun(host, dir, context.line);
  try {
    await recoverFirst(context, dir, run);
    if (!withEngine) for (const key of engine.keys()) run.oldest.delete(key);
    const current = await diff(wayBack(run.oldest), host);
    await applyOrUndo({ steps: stepsOf(current, dir, host, run), run, output, signal, calm });
    // What is gone without our doing needs no undo any more.
    run.oldest.clear();
    // The one thing with no way back comes last, when nothing else can fail any more.
    if (purge) {
      if (!(await storage.removeTree(IMAGES))) throw barredBy((await storage.barred(IMAGES)) ?? images, 1);
      await storage.rmdir(dirname(IMAGES));
      await host.rmdir(settings.storage);
    }
  } finally {
    await run.release();
  }
  output.json({
    ok: true,
    changed: changes.map(({ title, drift }) => ({ title, what: drift.what })),
    imagesKept: imagesThere && !purge,
    ...(engine.size > 0 && { engineKept: !withEngine }),
  });
  output.say(
    '',
    imagesThere && !purge
      ? `The images are kept in ${settings.storage}.`
      : `Everything is as it was before${engine.size > 0 && !withEngine ? ', but for the engine' : ''}.`,
    ...(await engineLines(engine, withEngine, host)),
  );
}

async function lastSettings(host: Host, dir: string): Promise<{ host: string; storage: string }> {
  const text = (await host.read(join(dir, 'settings.yml')))?.toString() ?? '';
  const known = (readYaml(text, join(dir, 'settings.yml')) ?? {}) as { host?: string; storage?: string };
  return { host: known.host ?? 'registry', storage: known.storage ?? join(dir, 'data') };
}

/** Images have no way back: the name of the host is typed for them, and for nothing else. */
async function confirmed(context: Context, images: string | undefined, name: string): Promise<void> {
  const prompts = await context.prompts();
  if (images) {
    const { total, free } = await context.host.space(images);
    context.output.say(
      `All images in ${images} go, too (${bytes(total - free)} are used on that disk). There is no way back.`,
    );
    await prompts.input({
      message: `Type ${name} to remove the registry and its images`,
      validate: (text) => text.trim() === name || `That is not ${name}. Ctrl-C leaves everything as it is.`,
    });
    return;
  }
  if (!(await prompts.confirm({ message: 'Remove the registry?', default: false })))
    throw new Interrupted('Nothing was changed.');
}
