// Finds what else serves the storage of a registry: it would take pushes while this one is read-only, and a collection would delete them.
import { listContainers } from '../../engines/containers.ts';
import { isRunning, stopCommand } from '../../engines/engine.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import type { Program, Settings } from '../../settings/settings.ts';
import { shellLine } from '../../terminal/shell.ts';
import { visible } from '../../terminal/visible.ts';
import { registriesHere } from '../elsewhere.ts';
import { settingsIn } from '../existing.ts';

interface Neighbour {
  /** In the user's words. */
  name: string;
  /** The command that stops it. */
  stop: string;
}

type Of = Pick<Settings, 'dir' | 'storage' | 'name'>;

/** Returns where a path leads. */
async function targetOf(host: Host, path: string): Promise<string> {
  const { code, stdout } = await host.run('readlink', ['-f', '--', path], { question: true });
  return code === 0 && stdout !== '' ? stdout : path;
}

/** Returns the registries of other directories that run on the same storage. */
async function ours(host: Host, { dir, storage }: Of): Promise<Neighbour[]> {
  const dirs = [...(await registriesHere(host)).keys()].filter((other) => other !== dir);
  const all = await Promise.all(dirs.map((other) => settingsIn(host, other).catch(() => undefined)));
  const here = await targetOf(host, storage);
  const found: Neighbour[] = [];
  for (const other of all) {
    if (!other || (await targetOf(host, other.storage)) !== here) continue;
    if (!(await isRunning(host, other).catch(() => true))) continue;
    found.push({ name: `the registry in ${other.dir}`, stop: await stopCommand(host, other) });
  }
  return found;
}

/** Returns the containers that run on the same storage, and that no set-up made. */
async function others(host: Host, program: Program, { storage }: Of): Promise<Neighbour[]> {
  const all = await listContainers(host, program, ['--filter', `volume=${storage}`]);
  return all
    .filter(({ owner }) => owner === '')
    .map(({ name }) => ({
      name: `the container ${visible(name)}`,
      stop: shellLine(program, ['stop', name]),
    }));
}

/** @throws CliError that names what else serves the storage */
export async function mustBeAlone(host: Host, of: Of): Promise<void> {
  const found = (
    await Promise.all([ours(host, of), others(host, 'docker', of), others(host, 'podman', of)])
  ).flat();
  const [first] = found;
  if (!first) return;
  const all = found.map(({ name }) => name).join(', ');
  throw new CliError(
    `${all.charAt(0).toUpperCase()}${all.slice(1)} also serves ${of.storage}. Nothing was collected.`,
    {
      why: 'It would take pushes meanwhile, and a collection deletes layers whose manifest is still to come.',
      fix: ['Stop it for that time:', ...found.map(({ stop }) => `  ${stop}`)],
    },
  );
}
