// `registry-setup uninstall`: undoes all that was done here; the images stay unless --purge.
import { type Context, dirOf, isOn } from '../context.ts';
import { changeDetails, changed, showDryRun } from '../reconcile/dry-run.ts';
import { readOldest, readUnfinished } from '../reconcile/journal.ts';
import { diff, wayBack } from '../reconcile/reconcile.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { elsewhereLines, registriesHere } from '../server/elsewhere.ts';
import { imagesIn, mayPurge, removeRegistry } from '../server/uninstall.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes } from '../terminal/output.ts';
import { agree, askable } from './consent.ts';
import { askEngine, engineLines, engineOf, engineTitle, usedByOthers } from './uninstall-engine.ts';
import { lastSettings, stakesLines, stakesOf } from './uninstall-stakes.ts';

export async function uninstall(context: Context): Promise<void> {
  const { host, output } = context;
  const dir = dirOf(context.answers);
  const purge = isOn(context, 'purge');
  await awaitTurn(context, dir);
  const [oldest, left, settings] = await Promise.all([
    readOldest(host, dir),
    readUnfinished(host, dir),
    lastSettings(host, dir),
  ]);
  if (oldest.size === 0 && !left) {
    output.json({ ok: true, changed: [] });
    output.say(`Nothing to do: registry-setup has done nothing in ${dir}.`);
    const others = elsewhereLines(await registriesHere(host), dir, commandLine('uninstall'));
    return output.say(...others.map((line) => `  ${line}`));
  }
  const images = imagesIn(settings.storage);
  const imagesThere = (await host.stat(images)) !== undefined;
  if (purge) await mayPurge(settings.storage, host);
  const engine = engineOf(oldest);
  const before = new Map([...oldest].filter(([key]) => !engine.has(key)));
  let withEngine = isOn(context, 'with-engine');
  let changes = await diff(wayBack(withEngine ? oldest : before), host);
  const stakes = await stakesOf(settings, { dir, images: imagesThere ? images : undefined, purge }, host);
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
    if (purge && imagesThere) await typed(context, images, settings.host);
    else await agree(context, `Remove ${stakes.registry}?`, false);
    if (engine.size > 0 && !withEngine && !inUse) withEngine = await askEngine(context, engine);
    if (withEngine) changes = await diff(wayBack(oldest), host);
  }
  const { storage } = settings;
  await removeRegistry({ dir, storage, purge, keep: withEngine ? [] : engine.keys() }, context);
  output.json({
    ok: true,
    changed: changed(changes),
    imagesKept: imagesThere && !purge,
    ...(engine.size > 0 && { engineKept: !withEngine }),
  });
  output.say(
    '',
    imagesThere && !purge
      ? `The images are kept in ${settings.storage}.`
      : `Everything is as it was before${engine.size > 0 && !withEngine ? ', except for the engine' : ''}.`,
    ...(await engineLines(engine, withEngine, host)),
  );
}

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
