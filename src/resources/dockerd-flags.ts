// Flags of dockerd moved into daemon.json: with both Docker does not start again, and a reload cannot take a flag away. So it is
// restarted once, after everything has been checked.
import { dirname } from 'node:path';
import { daemonInfo, hasEntry, restartDocker } from '../dockerd/daemon.ts';
import { parseDaemonJson } from '../dockerd/daemon-json.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { readFile, replace, wanted } from './daemon-json.ts';
import type { Provider, ResourceOf } from './resource.ts';
import type { UndoStep } from './undo.ts';

type Moved = ResourceOf<'moved'>;

/** daemon.json with every entry in it. */
export const merged = (
  { daemon, directive, entries }: Moved,
  bytes: Buffer | undefined,
): Buffer | undefined =>
  entries.reduce<Buffer | undefined>(
    (now, entry) => wanted(now, { daemon, directive, entry, present: true }),
    bytes,
  );

async function isDone({ daemon, directive, entries, edits }: Moved, host: Host): Promise<boolean> {
  for (const { path, content } of edits) if ((await host.read(path))?.toString() !== content) return false;
  const info = await daemonInfo(host, daemon);
  return !info || entries.every((entry) => hasEntry(info, directive, entry));
}

export const moved: Provider<Moved> = {
  title: ({ daemon, directive }) => `${directive} from the flags of Docker into ${daemon.config}`,

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
    };
  },

  async undo({ daemon, directive, entries, edits, made = false }, host, vault) {
    const steps: UndoStep[] = [];
    for (const { path } of edits) {
      const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
      if (there && bytes) {
        const { mode, uid, gid } = there;
        steps.push({ do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid });
        continue;
      }
      steps.push({ do: 'remove', path });
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
    return { steps: [...steps, { do: 'restart', daemon }] };
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
    if (lost.length > 0) throw new CliError(`Docker does not know of ${lost.join(', ')} after its restart.`);
  },
};
