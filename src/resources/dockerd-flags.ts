// Moves flags of dockerd into daemon.json: dockerd does not start with an option in both, and a reload cannot remove a flag. So this
// restarts dockerd once, after all checks.
import { dirname } from 'node:path';
import { daemonInfo, hasEntry, reread, restartCommand, restartDocker, startOf } from '../dockerd/daemon.ts';
import { parseDaemonJson } from '../dockerd/daemon-json.ts';
import type { Daemon, Directive } from '../dockerd/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { type DaemonJsonStep, readFile, replace, wanted } from './daemon-json.ts';
import { type FileStep, type Provider, teeLines, wayBackOfFile } from './provider.ts';

/** Flags of dockerd that move into daemon.json, with one more entry: edits of the files that start dockerd, and a restart. */
export interface MovedResource {
  kind: 'moved';
  daemon: Daemon;
  directive: Directive;
  /** The entries that daemon.json has afterwards. */
  entries: string[];
  /** The files that start dockerd, without the flags. */
  edits: { path: string; content: string }[];
  made?: boolean;
}

/** dockerd reads its flags only when it starts. `start`: its start before the change; if it is still the same, nothing is restarted. */
type RestartStep = { do: 'restart'; daemon: Daemon; start?: string };

/** Returns daemon.json with every entry in it. */
const merged = (
  { daemon, directive, entries }: MovedResource,
  bytes: Buffer | undefined,
): Buffer | undefined =>
  entries.reduce<Buffer | undefined>(
    (now, entry) => wanted(now, { daemon, directive, entry, present: true }),
    bytes,
  );

async function isDone({ daemon, directive, entries, edits }: MovedResource, host: Host): Promise<boolean> {
  for (const { path, content } of edits) if ((await host.read(path))?.toString() !== content) return false;
  const info = await daemonInfo(host, daemon);
  return !info || entries.every((entry) => hasEntry(info, directive, entry));
}

export const moved: Provider<MovedResource, RestartStep, DaemonJsonStep> = {
  title: ({ daemon, directive }) => `${directive} from the flags of Docker into ${daemon.config}`,
  id: ({ daemon, directive }) => `${daemon.unit}:${directive}`,
  removed: (id) => id,
  shared: true,
  place: ({ daemon }) => daemon.config,

  async check(resource, host) {
    const { daemon, edits } = resource;
    const bytes = await readFile(host, daemon.config);
    const after = merged(resource, bytes);
    if (after === bytes && (await isDone(resource, host))) return undefined;
    const diffs = await Promise.all(
      edits.map(async ({ path, content }) => unifiedDiff(path, (await host.read(path))?.toString(), content)),
    );
    return {
      what: 'change',
      details: [
        ...diffs.flat(),
        ...(after === bytes
          ? []
          : unifiedDiff(daemon.config, bytes?.toString(), (after as Buffer).toString())),
        'systemctl daemon-reload',
        `systemctl restart ${daemon.unit}`,
      ],
      restarts: daemon,
    };
  },

  async undo({ daemon, directive, entries, edits, made = false }, host, vault) {
    const steps: (FileStep | DaemonJsonStep)[] = [];
    for (const { path } of edits) {
      steps.push(await wayBackOfFile(path, host, vault));
      if (!(await host.stat(dirname(path)))) steps.push({ do: 'rmdir', path: dirname(path) });
    }
    const bytes = await readFile(host, daemon.config);
    const before = parseDaemonJson(bytes, daemon.config).value[directive];
    const { mode, uid, gid } = (await host.stat(daemon.config)) ?? { mode: 0o644, uid: 0, gid: 0 };
    const list = Array.isArray(before) ? before : undefined;
    for (const entry of entries.filter((e) => !list?.includes(e)).toReversed())
      steps.push({
        do: 'daemonJson',
        daemon,
        directive,
        entry,
        present: false,
        quiet: true,
        wrote: '',
        made: made || bytes === undefined,
        madeKey: list === undefined,
        ...{ mode, uid, gid },
      });
    const start = await startOf(host, daemon);
    return { steps: [...steps, { do: 'restart', daemon, ...(start && { start }) }] };
  },

  async apply(resource, host, report) {
    const { daemon, directive, entries, edits } = resource;
    const after = merged(resource, await readFile(host, daemon.config));
    for (const { path, content } of edits) {
      const there = await host.stat(path);
      if (!there && !(await host.stat(dirname(path)))) await host.mkdir(dirname(path), 0o755);
      await host.write(path, content, there ?? { mode: 0o644 });
    }
    if (after) await replace(host, daemon.config, after);
    report?.('restarting Docker');
    await restartDocker(host, daemon);
    const info = await daemonInfo(host, daemon);
    const lost = entries.filter((entry) => !info || !hasEntry(info, directive, entry));
    if (lost.length > 0) throw new CliError(`Docker does not know ${lost.join(', ')} after its restart.`);
  },

  async byHand(resource, host) {
    const { daemon, edits } = resource;
    const config = { path: daemon.config, content: `${merged(resource, await host.read(daemon.config))}` };
    const lines = [...edits, config].flatMap(({ path, content }) => [
      `sudo mkdir -p ${dirname(path)}`,
      ...teeLines(path, content),
    ]);
    return [...lines, 'sudo systemctl daemon-reload', `sudo ${restartCommand(daemon).join(' ')}`];
  },

  steps: {
    restart: {
      async perform({ daemon, start }, host) {
        const same = start !== undefined && start === (await startOf(host, daemon));
        await (same ? reread(host, daemon) : restartDocker(host, daemon));
      },
      isLeft: async () => true,
      // Last in both directions, when all files are in place.
      inverse: async ({ start: _, ...step }) => ({ steps: [], last: [step] }),
      asOldest: ({ start: _, ...step }) => step,
      words: ({ daemon }) => `systemctl daemon-reload; systemctl restart ${daemon.unit}`,
      restarts: ({ daemon }) => daemon,
    },
  },
};
