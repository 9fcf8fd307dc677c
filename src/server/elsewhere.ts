// Finds the registries in all directories of this machine, so that an error can name the one that the user meant.
import { basename } from 'node:path';
import { ownedContainers } from '../engines/containers.ts';
import { InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { execWords } from '../host/systemd.ts';
import { MARK } from '../resources/unit.ts';
import { shellLine } from '../terminal/shell.ts';

const UNITS = '/etc/systemd/system';

/** The names of each registry's containers and units, by its directory. */
export type Registries = Map<string, string[]>;

/** Returns the registries of all containers and units. Ignores an engine that does not answer. Reads only. */
export async function registriesHere(host: Host): Promise<Registries> {
  const [docker, podman, units] = await Promise.all([
    containers(host, 'docker'),
    containers(host, 'podman'),
    services(host),
  ]);
  const all: Registries = new Map();
  for (const [dir, name] of [...docker, ...podman, ...units])
    all.set(dir, [...new Set([...(all.get(dir) ?? []), name])]);
  return all;
}

type Named = [dir: string, name: string];

async function containers(host: Host, program: 'docker' | 'podman'): Promise<Named[]> {
  return (await ownedContainers(host, program)).map(({ owner, name }) => [owner, name]);
}

/** Returns the registries that run without an engine (templates/registry.service). */
async function services(host: Host): Promise<Named[]> {
  const names = (await host.list(UNITS).catch(() => [])).filter((name) => name.endsWith('.service'));
  const found = await Promise.all(
    names.map(async (name): Promise<Named[]> => {
      const text = (await host.read(`${UNITS}/${name}`).catch(() => undefined))?.toString() ?? '';
      if (!text.startsWith(`# ${MARK}`)) return [];
      const [, word, config = ''] = execWords(/^ExecStart=(.*)$/m.exec(text)?.[1] ?? '');
      const dir = word === 'serve' && /^(\/.+)\/config\/config\.yml$/.exec(config)?.[1];
      return dir ? [[dir, name.replace(/\.service$/, '')]] : [];
    }),
  );
  return found.flat();
}

/**
 * Returns a line for every registry but the one of this directory.
 * @param call the command to suggest: `registry-setup status`
 */
export function elsewhereLines(registries: Registries, dir: string, call: string): string[] {
  return [...registries.keys()]
    .filter((other) => other !== dir)
    .map((other) => `The registry in ${other}:   ${inDirectory(call, other)}`);
}

const inDirectory = (call: string, dir: string) => `${call} ${shellLine('--dir', [dir])}`;

/** Returns the error; if an unknown word in it is the name of a registry, with the command for that registry. */
export async function nameRegistries(error: InputError, host: Host): Promise<InputError> {
  if (!error.problems.some(({ stray }) => stray)) return error;
  const registries = await registriesHere(host);
  return new InputError(
    error.problems.map((problem) => {
      const { word = '', call = '' } = problem.stray ?? {};
      const found = [...registries].find(
        ([dir, names]) => word !== '' && [dir, basename(dir), ...names].includes(word.replace(/\/+$/, '')),
      );
      if (!found) return problem;
      return { ...problem, fix: `The registry in ${found[0]}:   ${inDirectory(call, found[0])}` };
    }),
  );
}
