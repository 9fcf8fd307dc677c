// Keeps the answers of commands that only ask, for as long as they hold: a set-up asks an engine the same question in many places.
import type { Host, RunResult } from './host.ts';

/** How long an answer is used again; milliseconds. Others change the machine, too. */
const HOLDS = 2_000;

/** How often this program has changed the machine: more than one Host may stand for it. */
let changes = 0;

/** Returns a function that counts as a change while it works: no answer from before its end is used again. */
const noted =
  <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
  async (...args: A): Promise<T> => {
    changes += 1;
    try {
      return await work(...args);
    } finally {
      changes += 1;
    }
  };

/** Returns the host with a `run` that runs a question once (RunOptions.question), and anything else as a change. */
export function withAnswers(host: Host): Host {
  const answers = new Map<string, { since: number; changes: number; result: Promise<RunResult> }>();
  const run = noted(host.run);
  return {
    ...host,
    run(command, args, options = {}) {
      if (!options.question) return run(command, args, options);
      const key = JSON.stringify([command, args, options.env, options.timeout]);
      const known = answers.get(key);
      if (known?.changes === changes && performance.now() - known.since < HOLDS) return known.result;
      const result = host.run(command, args, options);
      answers.set(key, { since: performance.now(), changes, result });
      return result;
    },
    save: noted(host.save),
    write: noted(host.write),
    append: noted(host.append),
    create: noted(host.create),
    mkdir: noted(host.mkdir),
    chmod: noted(host.chmod),
    remove: noted(host.remove),
    rmdir: noted(host.rmdir),
    rename: noted(host.rename),
    removeTree: noted(host.removeTree),
  };
}
