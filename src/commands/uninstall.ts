// `registry-setup uninstall`: undoes all that was done here; the images stay unless --purge.
import { type Context, dirOf, isOn } from '../context.ts';
import { CliError } from '../errors.ts';
import { digestOfFiles } from '../reconcile/digest.ts';
import { changeDetails, changed, showDryRun } from '../reconcile/dry-run.ts';
import { isLockLeft, readOldest, readUnfinished } from '../reconcile/journal.ts';
import { diff, wayBack } from '../reconcile/reconcile.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { elsewhereLines, registriesHere } from '../server/elsewhere.ts';
import { seenHere } from '../server/plan/seen.ts';
import { imagesIn, madeHere, mayPurge, removeRegistry } from '../server/uninstall.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes } from '../terminal/output.ts';
import { shellLine } from '../terminal/shell.ts';
import { agree, askable } from './consent.ts';
import { askEngine, engineLines, engineOf, engineTitle, usedByOthers } from './uninstall-engine.ts';
import { lastSettings, stakesLines, stakesOf } from './uninstall-stakes.ts';

export async function uninstall(context: Context): Promise<void> {
  const { host, output } = context;
  const dir = dirOf(context.answers);
  const purge = isOn(context, 'purge');
  // A full disk bars the recovery, and not the removal: that makes room first, and recovers then.
  await awaitTurn(context, dir).catch((error) => {
    if (!(error instanceof CliError) || error.code !== 'disk full') throw error;
  });
  const [remembered, left, settings, lockLeft, files] = await Promise.all([
    readOldest(host, dir),
    readUnfinished(host, dir),
    lastSettings(host, dir),
    isLockLeft(host, dir),
    digestOfFiles(host, dir).catch(() => undefined),
  ]);
  // What a killed run has set aside has a place in its journal.
  const seen: typeof remembered = left ? new Map() : await seenHere(host, dir, remembered);
  const forgotten = remembered.size === 0 && seen.size > 0;
  const oldest = new Map([...remembered, ...seen]);
  if (oldest.size === 0 && !left && !lockLeft) {
    output.json({ ok: true, changed: [] });
    output.say(`Nothing to do: registry-setup has done nothing in ${dir}.`);
    const others = elsewhereLines(await registriesHere(host), dir, commandLine('uninstall'));
    return output.say(...others.map((line) => `  ${line}`));
  }
  const images = imagesIn(settings.storage);
  const imagesThere = (await host.stat(images)) !== undefined;
  // Images that may have been there before the first set-up stay.
  const made = await madeHere(settings.storage, remembered, host);
  const purges = purge && made;
  if (purges) await mayPurge(settings.storage, host);
  const engine = engineOf(oldest);
  const before = new Map([...oldest].filter(([key]) => !engine.has(key)));
  let withEngine = isOn(context, 'with-engine');
  let changes = await diff(wayBack(withEngine ? oldest : before), host);
  const there = imagesThere ? images : undefined;
  const stakes = await stakesOf(settings, { dir, images: there, purge: purges }, host);
  const removes = [stakes.registry, ...(withEngine && engine.size > 0 ? [engineTitle(engine)] : [])];
  const screen = stakesLines({ ...stakes, removes });
  if (isOn(context, 'dry-run')) {
    output.say(...screen);
    return showDryRun(context, { changes });
  }

  const inUse = engine.size > 0 ? await usedByOthers(oldest, host) : undefined;
  if (withEngine && inUse) throw inUse;
  askable(context);
  if (!isOn(context, 'yes')) output.say('', ...changeDetails(changes, output.paint));
  output.say(...screen);
  if (!isOn(context, 'yes')) {
    if (purges && imagesThere) await typed(context, images, settings.host);
    else await agree(context, `Remove ${stakes.registry}?`, false);
    if (engine.size > 0 && !withEngine && !inUse) withEngine = await askEngine(context, engine);
    if (withEngine) changes = await diff(wayBack(oldest), host);
  }
  const { storage } = settings;
  const keep = withEngine ? [] : engine.keys();
  await removeRegistry({ dir, storage, made, purge: purges, keep, seen: files }, context);
  const imagesKept = imagesThere && !purges;
  output.json({
    ok: true,
    changed: changed(changes),
    imagesKept,
    ...(forgotten && { forgotten }),
    ...(engine.size > 0 && { engineKept: !withEngine }),
  });
  const butEngine = engine.size > 0 && !withEngine ? ', but for the engine' : '';
  output.say(
    '',
    ...(forgotten
      ? ['What was recognized is removed. What was here before the setup is unknown:', 'its record was lost.']
      : []),
    ...(imagesKept
      ? keptLines(storage, purge)
      : forgotten
        ? []
        : [`Everything is as it was before${butEngine}.`]),
    ...(await engineLines(engine, withEngine, host)),
  );
}

/** Returns the last lines about images that stay. @param purge they were to be removed */
const keptLines = (storage: string, purge: boolean): string[] =>
  purge
    ? [
        `The images stay in ${storage}: no set-up that is known here made that directory, so some may be older.`,
        `To remove them all:   ${shellLine('rm', ['-r', imagesIn(storage)])}`,
      ]
    : [`The images are kept in ${storage}.`];

/** Asks the user to type the name of the host: only for images, which have no way back. */
async function typed(context: Context, images: string, name: string): Promise<void> {
  const prompts = await context.prompts();
  const { total, free } = await context.host.space(images);
  context.output.say(
    `All images in ${images} are deleted, too (${bytes(total - free)} are used on that disk). This cannot be undone.`,
  );
  await prompts.input({
    message: `Type ${name} to remove the registry and its images`,
    validate: (text) => text.trim() === name || `That is not ${name}. Ctrl-C leaves everything as it is.`,
  });
}
