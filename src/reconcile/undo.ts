// Does undo steps, and undoes them in turn. Has the steps for files; the others come with their kinds of resources.
import { dirname } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import {
  type FileStep,
  inverseOfFile,
  type RestoreStep,
  type StepKind,
  type Vault,
  type WayBack,
} from '../resources/provider.ts';
import { STEPS, type Undo, type UndoStep } from '../resources/undo.ts';
import { isSomebodys } from '../resources/unit.ts';
import { shellLine } from '../terminal/shell.ts';

async function isAlready({ path, mode, uid, gid }: RestoreStep, content: Buffer, host: Host) {
  const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
  if (there?.mode !== mode || there.uid !== uid || there.gid !== gid) return false;
  return bytes?.equals(content) === true;
}

const isThere = async ({ path }: { path: string }, host: Host) => (await host.stat(path)) !== undefined;

/** Returns the step that restores the present state of a path: a file with its bytes, or a directory with its mode. */
async function inverseOfPath(path: string, host: Host, vault: Vault): Promise<WayBack<FileStep>> {
  const there = await host.stat(path);
  if (there?.type !== 'dir') return inverseOfFile(path, host, vault);
  const { mode, uid, gid } = there;
  return { steps: [{ do: 'chmod', path, mode, uid, gid }] };
}

/** The suffix of a directory's name until the run that removes it is over. */
const ASIDE = '.going';

const FILE_STEPS: { [D in FileStep['do']]: StepKind<Extract<FileStep, { do: D }>> } = {
  restore: {
    async perform(step, host) {
      const content = await host.read(step.copy);
      if (!content) throw new Error(`the copy ${step.copy} of ${step.path} is gone`);
      // Nothing to write: a full disk stopped the run before this file.
      if (await isAlready(step, content, host)) return;
      if (!(await host.stat(dirname(step.path)))) await host.mkdir(dirname(step.path), 0o755);
      await host.write(step.path, content, step);
    },
    isLeft: async () => true,
    inverse: ({ path }, host, vault) => inverseOfPath(path, host, vault),
    words: ({ path }) => `put ${path} back as it was`,
  },
  remove: {
    perform: async ({ path }, host) => ((await isSomebodys(path, host)) ? undefined : host.remove(path)),
    isLeft: async (step, host) => (await isThere(step, host)) && !(await isSomebodys(step.path, host)),
    inverse: ({ path }, host, vault) => inverseOfPath(path, host, vault),
    words: ({ path }) => shellLine('rm', [path]),
    deletes: true,
  },
  rmdir: {
    perform: async ({ path }, host) => void (await host.rmdir(path)),
    isLeft: isThere,
    // The directory may hold the lock, or what is set aside: the clean-up tries again when the run is over.
    async inverse(step, host, vault) {
      const { steps } = await inverseOfPath(step.path, host, vault);
      return { steps, cleanup: steps[0]?.do === 'chmod' ? [step] : [] };
    },
    words: ({ path }) => `${shellLine('rmdir', [path])}      (if it is empty)`,
    deletes: true,
  },
  chmod: {
    async perform(step, host) {
      const there = await host.stat(step.path);
      if (there && there.mode === step.mode && there.uid === step.uid && there.gid === step.gid) return;
      if (!there) await host.mkdir(step.path, step.mode);
      await host.chmod(step.path, step.mode, step);
    },
    isLeft: async () => true,
    inverse: ({ path }, host, vault) => inverseOfPath(path, host, vault),
    words: ({ path, mode }) => shellLine('chmod', [mode.toString(8), path]),
  },
  removeTree: {
    perform: ({ path }, host) => host.removeTree(path),
    isLeft: isThere,
    inverse: async ({ path }) => ({
      steps: [{ do: 'rename', from: `${path}${ASIDE}`, to: path }],
      cleanup: [{ do: 'removeTree', path: `${path}${ASIDE}` }],
    }),
    words: ({ path }) => shellLine('rm', ['-r', path]),
    deletes: true,
    performReversibly: async ({ path }, host) =>
      (await host.stat(path)) ? host.rename(path, `${path}${ASIDE}`) : undefined,
  },
  rename: {
    perform: async ({ from, to }, host) => ((await host.stat(from)) ? host.rename(from, to) : undefined),
    isLeft: async () => true,
    inverse: async () => ({ steps: [] }),
    words: ({ from, to }) => shellLine('mv', [from, to]),
  },
};

/** Tells whether this version knows how to do what a file of state calls a step. */
export const isKnownStep = ({ do: name }: { do?: unknown }): boolean =>
  typeof name === 'string' && Object.hasOwn({ ...STEPS, ...FILE_STEPS }, name);

/** Returns how a step is done. @throws CliError for a step that this version does not know */
export function stepKindOf(step: UndoStep): StepKind<UndoStep, UndoStep> {
  const found = { ...STEPS, ...FILE_STEPS }[step.do] as unknown;
  if (!found) throw new CliError(`This version of registry-setup does not know the step "${step.do}".`);
  return found as StepKind<UndoStep, UndoStep>;
}

/** Does one step. Idempotent: a run that was killed during its roll-back is rolled back again. */
export const perform = async (step: UndoStep, host: Host): Promise<void> =>
  stepKindOf(step).perform(step, host);

/** Does a step. Adds an error to `failures` instead of throwing it, so that the other steps are done. */
export async function attempt(title: string, step: UndoStep, host: Host, failures: string[]): Promise<void> {
  try {
    await perform(step, host);
  } catch (error) {
    const { message, why } = error as CliError;
    failures.push(`${title}: ${message}${why ? ` ${why}` : ''}`);
  }
}

/** Tells whether the step would change something: what the set-up made still exists. */
export const wouldChange = async (step: UndoStep, host: Host): Promise<boolean> =>
  stepKindOf(step).isLeft(step, host);

/** Returns the way back from a step: uninstall and the removal of a part that is no longer wanted can fail half-way, too. */
export const inverse = async (step: UndoStep, host: Host, vault: Vault): Promise<Undo> =>
  stepKindOf(step).inverse(step, host, vault);

/** Does a step of a removal. Sets aside what cannot be recreated, so that there is a way back until the run is over. */
export async function performReversibly(step: UndoStep, host: Host): Promise<void> {
  const kind = stepKindOf(step);
  return kind.performReversibly ? kind.performReversibly(step, host) : kind.perform(step, host);
}
