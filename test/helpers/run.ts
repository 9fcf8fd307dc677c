// A run on a fake host, as src/server.ts does it, without the questions before and the proof after it.
import type { Step } from '../../src/reconcile/progress.ts';
import { applyOrUndo, type Change, diff, orphans, stepsOf } from '../../src/reconcile/reconcile.ts';
import { beginRun, type Run, recover } from '../../src/reconcile/run.ts';
import type { Resource } from '../../src/resources/resource.ts';
import type { Output } from '../../src/terminal/output.ts';
import type { FakeHost } from './fake-host.ts';

export const DIR = '/opt/registry';

/** Hears everything, prints nothing. */
export function silent(): Output & { heard: string[]; documents: Record<string, unknown>[] } {
  const heard: string[] = [];
  const documents: Record<string, unknown>[] = [];
  return {
    heard,
    documents,
    say: (...lines) => void heard.push(...lines),
    out: (...lines) => void heard.push(...lines),
    json: (document) => void documents.push(document),
    fail: (error) => void heard.push(String(error)),
    asJson: false,
    quiet: false,
    terminal: false,
    paint: (_, text) => text,
  };
}

export interface Options {
  dir?: string;
  signal?: AbortSignal;
  /** After the changes: a proof that may fail. */
  more?: Step[];
  /** One that tells the run what it is about to do. */
  prove?: (run: Run) => Step;
  /** The host for going back, and for tidying up. */
  uninterruptible?: FakeHost;
}

/** Makes the machine follow a plan; an empty one is a removal, none at all changes nothing. */
export async function follow(
  host: FakeHost,
  plan: Resource[] | undefined,
  options: Options = {},
): Promise<Change[]> {
  const {
    dir = DIR,
    signal = new AbortController().signal,
    more = [],
    prove,
    uninterruptible = host,
  } = options;
  const run = await beginRun(host, dir, 'registry-setup in a test');
  try {
    if (run.unfinished) await recover(uninterruptible, dir, run, run.unfinished);
    const changes = plan ? await diff([...plan, ...orphans(plan, run.oldest)], host) : [];
    const steps = [...stepsOf(changes, dir, host, run), ...(prove ? [prove(run)] : []), ...more];
    await applyOrUndo({ steps, run, output: silent(), signal, uninterruptible });
    return changes;
  } finally {
    await run.release();
  }
}

export const failing = (error: Error): Step => ({
  title: 'a proof',
  run: async () => {
    throw error;
  },
});
