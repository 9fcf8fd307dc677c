// A program that is tried beside the one that runs, for a moment: its way back ends it.
import type { Host } from '../host/host.ts';
import { shellLine } from '../terminal/shell.ts';
import type { StepKind } from './provider.ts';

export interface TrialProcessStep {
  do: 'trialProcess';
  /** The file with its process id. */
  pid: string;
  /** A word of its command line that no other process has: process ids are used again. */
  word: string;
}

async function processOf({ pid, word }: TrialProcessStep, host: Host): Promise<number | undefined> {
  const id = Number((await host.read(pid))?.toString().trim());
  if (!Number.isInteger(id) || id < 2) return undefined;
  const words = (await host.read(`/proc/${id}/cmdline`))?.toString().split('\0') ?? [];
  return words.includes(word) ? id : undefined;
}

/** How often it is looked at until it must end; every 50 milliseconds. */
const LOOKS = 60;

/** No resource returns it: nothing of a trial stays. */
export const trialProcess: StepKind<TrialProcessStep> = {
  async perform(step, host) {
    for (let look = 0; look <= LOOKS; look++) {
      const id = await processOf(step, host);
      if (id === undefined) return;
      const signal = look === 0 ? '-TERM' : look === LOOKS ? '-KILL' : undefined;
      if (signal) await host.run('/bin/sh', ['-c', 'kill "$0" "$1"', signal, String(id)]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
  isLeft: async (step, host) => (await processOf(step, host)) !== undefined,
  inverse: async () => ({ steps: [] }),
  words: ({ pid }) => `kill $(${shellLine('cat', [pid])})`,
};
