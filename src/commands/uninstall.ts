// `registry-setup uninstall`: all that was done here, undone; the images stay unless --purge.
import { join } from 'node:path';
import { type Context, dirOf, isOn } from '../context.ts';
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { changeDetails, showDryRun } from '../reconcile/dry-run.ts';
import { readOldest, readUnfinished } from '../reconcile/journal.ts';
import { diff, wayBack } from '../reconcile/reconcile.ts';
import { imagesIn, mayPurge, removeRegistry } from '../server/uninstall.ts';
import { readYaml } from '../templates.ts';
import { bytes } from '../terminal/output.ts';
import { askEngine, engineLines, engineOf, usedByOthers } from './uninstall-engine.ts';

export async function uninstall(context: Context): Promise<void> {
  const { host, output } = context;
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
  const images = imagesIn(settings.storage);
  const imagesThere = (await host.stat(images)) !== undefined;
  if (purge) await mayPurge(settings.storage, host);
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
  const { storage } = settings;
  await removeRegistry({ dir, storage, purge, keep: withEngine ? [] : engine.keys() }, context);
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
