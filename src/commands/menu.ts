// The menu of a registry that is here: runs what the user chooses in it.
import type { Context } from '../context.ts';
import { Declined } from '../errors.ts';
import { loadExisting } from '../server/existing.ts';
import { askImages, askUser, type MenuChoice, openMenu } from '../server/wizard/menu.ts';
import type { Settings } from '../settings/settings.ts';

/** @returns the exit code of what the user chose; `change`: the set-up continues with its questions */
export async function menu(context: Context): Promise<'change' | number> {
  const request = await loadExisting(context);
  const ask = await openMenu(context, request);
  return untilDone(async () => {
    const choice = await ask();
    if (choice === 'change') return choice;
    return (await act(context, choice, request.settings)) ?? 0;
  });
}

/** Asks again after a no or "back": nothing was changed, and the user may want something else. */
async function untilDone<T>(run: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
    }
}

async function act(
  context: Context,
  choice: Exclude<MenuChoice, 'change'>,
  settings: Settings,
  // biome-ignore lint/suspicious/noConfusingVoidType: a command without an exit code of its own returns nothing
): Promise<number | void> {
  if (choice === 'rotate') return (await import('./rotate.ts')).rotate(context);
  if (choice === 'users') return users(context, settings);
  if (choice === 'images') return images(context);
  if (choice === 'upgrade') return (await import('./upgrade.ts')).upgrade(context);
  if (choice === 'status') return (await import('./status.ts')).status(context);
  if (choice === 'uninstall') return (await import('./uninstall.ts')).uninstall(context);
}

/** Runs what the user chooses for users. @throws Declined after "back" */
async function users(context: Context, settings: Settings): Promise<void> {
  const { user } = await import('./user.ts');
  const prompts = await context.prompts();
  context.output.say(`  ${settings.users.join(', ')}`);
  const operands = await untilDone(async () => {
    const chosen = await askUser(prompts, settings);
    if (chosen) await user({ ...context, operands: chosen });
    return chosen;
  });
  if (!operands) throw new Declined();
}

/** Runs what the user chooses for images. @throws Declined after "back" */
async function images(context: Context): Promise<void> {
  const { image } = await import('./image.ts');
  const prompts = await context.prompts();
  const wish = await untilDone(async () => {
    const chosen = await askImages(prompts);
    if (chosen)
      await image({
        ...context,
        operands: chosen.operands,
        answers: { ...context.answers, ...chosen.answers },
      });
    return chosen;
  });
  if (!wish) throw new Declined();
}
