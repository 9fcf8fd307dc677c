// An engine that was installed, or started, for the registry. Others may use it by now: it is removed, or stopped, only on request.
import type { Context } from '../context.ts';
import { othersIn } from '../engines/others.ts';
import { MANAGERS, type PackageUndo } from '../engines/packages.ts';
import { TITLE } from '../engines/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { wouldChange } from '../reconcile/undo.ts';
import type { Oldest, UndoStep } from '../resources/undo.ts';
import type { Program } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';

const stepsOf = (oldest: Oldest): UndoStep[] => [...oldest.values()].flatMap(({ undo }) => undo.steps);
const isEngine = (step: UndoStep) =>
  step.do === 'engine' || (step.do === 'package' && step.engine !== undefined);

/** Returns the undo of what was done to have an engine at all. */
export const engineOf = (oldest: Oldest): Oldest =>
  new Map([...oldest].filter(([, { undo }]) => undo.steps.some(isEngine)));

const packageOf = (engine: Oldest): PackageUndo | undefined =>
  stepsOf(engine).find((step) => step.do === 'package');
const programOf = (engine: Oldest): Program => packageOf(engine)?.engine?.program ?? 'docker';

/** Returns `Docker, the package docker.io`, or `Docker, which was started for it`. */
export function engineTitle(engine: Oldest): string {
  const pack = packageOf(engine);
  return `${TITLE[programOf(engine)]}, ${pack ? `the package ${pack.name}` : 'which was started for the registry'}`;
}

/** Returns why the engine has to stay; undefined if nothing of others is in it. */
export async function usedByOthers(oldest: Oldest, host: Host): Promise<CliError | undefined> {
  const engine = engineOf(oldest);
  const program = programOf(engine);
  // Debian removes everything in the engine with its package; an engine that is only stopped keeps it all.
  const ours = packageOf(engine)
    ? stepsOf(oldest).flatMap((step) => (step.do === 'image' ? [step.ref] : []))
    : undefined;
  const [first, ...more] = (await othersIn(host, program, ours)) ?? [];
  if (!first) return undefined;
  const others = more.length > 0 ? `${first} and ${more.length} more` : first;
  return new CliError(`${TITLE[program]} stays: ${others} would be removed with it, or stop.`, {
    fix: `Without it:   ${commandLine('uninstall')}`,
    exitCode: 2,
  });
}

/** Asks whether the engine is to be removed, or stopped, too. */
export async function askEngine(context: Context, engine: Oldest): Promise<boolean> {
  const pack = packageOf(engine);
  const title = TITLE[programOf(engine)];
  const { confirm } = await context.prompts();
  const message = pack
    ? `${title} was installed for the registry (package ${pack.name}). Remove it?`
    : `${title} was started for the registry. Stop it again?`;
  return confirm({ message, default: false });
}

/** Returns the last lines about the engine; empty if nothing of it is left to undo. */
export async function engineLines(engine: Oldest, gone: boolean, host: Host): Promise<string[]> {
  if (engine.size === 0) return [];
  const pack = packageOf(engine);
  const title = TITLE[programOf(engine)];
  const left = [];
  for (const step of stepsOf(engine)) left.push(await wouldChange(step, host));
  if (!left.includes(true)) return [];
  const line = pack ? MANAGERS[pack.manager].remove([pack.name]).join(' ') : 'systemctl disable --now docker';
  const says = gone
    ? 'could not be removed'
    : `was ${pack ? 'installed' : 'started'} for the registry and stays`;
  return [`${title} ${says}. To ${pack ? 'remove' : 'stop'} it:`, `  ${line}`];
}
