// Keeps the answers of commands that only ask, for as long as they hold: a set-up asks an engine the same question in many places.
import type { Host, RunResult } from './host.ts';

/** How long an answer is used again; milliseconds. Others change the machine, too. */
const HOLDS = 2_000;

/** How often this program has changed the machine: more than one Host may stand for it. */
const changes = { all: 0, engines: 0 };

/** These answer out of their own memory: of the files that are written, only those that they read change an answer. */
const ENGINES = ['docker', 'podman'];
/** Matches /etc/docker/daemon.json, ~/.docker/config.json, /etc/containers/registries.conf, the programs, and units of these names. */
const READ_BY_ENGINES = /\/\.?(docker|podman|containers)\b/;

const count = (ofEngines: boolean) => {
  changes.all += 1;
  if (ofEngines) changes.engines += 1;
};

/**
 * Returns a function that counts as a change while it works: no answer from before its end is used again.
 * @param ofEngines tells whether what engines answer may change, too
 */
const noted =
  <A extends unknown[], T>(work: (...args: A) => Promise<T>, ofEngines: (...args: A) => boolean) =>
  async (...args: A): Promise<T> => {
    count(ofEngines(...args));
    try {
      return await work(...args);
    } finally {
      count(ofEngines(...args));
    }
  };

const onFile = <A extends [path: string, ...unknown[]], T>(work: (...args: A) => Promise<T>) =>
  noted(work, (...[path]) => READ_BY_ENGINES.test(path));

/** Returns the host with a `run` that runs a question once (RunOptions.question), and anything else as a change. */
export function withAnswers(host: Host): Host {
  const answers = new Map<string, { since: number; changes: number; result: Promise<RunResult> }>();
  const run = noted(host.run, () => true);
  return {
    ...host,
    run(command, args, options = {}) {
      if (!options.question) return run(command, args, options);
      const key = JSON.stringify([command, args, options.env, options.timeout]);
      const present = ENGINES.includes(command) ? changes.engines : changes.all;
      const known = answers.get(key);
      if (known?.changes === present && performance.now() - known.since < HOLDS) return known.result;
      const result = host.run(command, args, options);
      answers.set(key, { since: performance.now(), changes: present, result });
      return result;
    },
    save: onFile(host.save),
    write: onFile(host.write),
    append: onFile(host.append),
    create: onFile(host.create),
    mkdir: onFile(host.mkdir),
    chmod: onFile(host.chmod),
    remove: onFile(host.remove),
    rmdir: onFile(host.rmdir),
    rename: noted(host.rename, (...paths) => paths.some((path) => READ_BY_ENGINES.test(path))),
    removeTree: onFile(host.removeTree),
  };
}
