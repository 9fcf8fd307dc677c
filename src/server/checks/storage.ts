// Checks the directory of the images before anything is touched: permissions, free space, and whether the images are there.
import { dirname, join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { scriptFiles, scriptPath, serviceManagerOf } from '../../host/service-manager.ts';
import { systemctlLine } from '../../host/systemd.ts';
import type { EngineKind } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes } from '../../terminal/output.ts';
import { shellLine } from '../../terminal/shell.ts';
import { findImages } from '../plan/serving.ts';
import { type Check, fail, warn } from './finding.ts';

/** Bytes. With less, a registry is full after a few images. */
const LITTLE_SPACE = 1_000_000_000;

/** Reports a directory that the registry cannot write to. A container's root has no capabilities: it writes where uid 0, or everybody, may. */
export const storage: Check = async ({ storage: path, engine: kind }, { last }, host) => {
  const flag = { flag: '--storage' };
  const there = await host.stat(path);
  if (there && there.type !== 'dir')
    return fail(`${path} is a file, not a directory.`, [commandLine('--storage DIR')], flag);
  const parent = there ?? (await nearestParent(path, host));
  if (parent.type !== 'dir')
    return fail(`A part of ${path} is a file.`, [commandLine('--storage DIR')], flag);
  // In a rootless container, root is the user who runs it.
  const { uid } = host.machine;
  const mayWrite = parent.uid === uid ? (parent.mode & 0o200) !== 0 : (parent.mode & 0o002) !== 0;
  // A native registry's directory belongs to the user that it runs as.
  const handedOver = last?.engine?.value === 'native' && last.storage?.value === path;
  if (there && !mayWrite && kind !== 'native' && !handedOver)
    return fail(
      `${path} belongs to uid ${there.uid}, and the registry could not write to it.`,
      [
        shellLine('chown', [uid === 0 ? 'root' : String(uid), path]),
        `Or use another one:   ${commandLine('--storage DIR')}`,
      ],
      flag,
    );
  const { free } = await host.space(path);
  if (free >= LITTLE_SPACE) return [];
  return warn(`Only ${bytes(free)} are free in ${path}.`, [commandLine('--storage DIR')]);
};

async function nearestParent(path: string, host: Host) {
  let at = dirname(path);
  for (;;) {
    const there = await host.stat(at);
    if (there) return there;
    at = dirname(at);
  }
}

/** Without root: reports a set-up directory that this user may not write to. */
export const permission: Check = async ({ dir }, _, host) => {
  if (host.machine.uid === 0) return [];
  const parent = (await host.stat(dir)) ?? (await nearestParent(join(dir, 'x'), host));
  return parent.uid === host.machine.uid
    ? []
    : fail(
        `This user may not write to ${dir}.`,
        [`As root:           sudo ${commandLine()}`, `Or elsewhere:      ${commandLine('--dir ~/registry')}`],
        { flag: '--dir' },
      );
};

/** Refuses a directory from which Node.js could not run the copy of this program that renews. (nodejs.org/api/errors.html, ERR_INVALID_MODULE_SPECIFIER) */
export const loadable: Check = async ({ dir }) =>
  dir.includes('\\')
    ? fail(
        `${dir} has a backslash in its name, and Node.js runs no program below such a directory.`,
        [commandLine(shellLine('--dir', [dir.replaceAll('\\', '-')]))],
        { flag: '--dir' },
      )
    : [];

/**
 * Refuses another directory while the images are in the former one: this program does not move them, so the registry would be empty.
 * What runs knows the former directory, and so does the record; settings.yml may have been edited.
 */
export const moved: Check = async ({ storage: path, name, dir }, { last }, host) => {
  if (await host.stat(join(path, 'docker/registry/v2/repositories'))) return [];
  const before = await findImages(host, dir, [last?.storage?.value as string | undefined]);
  if (before === undefined) return [];
  const stop = await stopLine(last?.engine?.value as EngineKind | undefined, { dir, name }, host);
  const fix = [
    'Move them first, then run this again:',
    `  ${stop} && ${shellLine('mkdir', ['-p', path])} && ${shellLine('cp', ['-a', `${before}/docker`, `${path}/`])}`,
    `Or leave them there:   ${commandLine(shellLine('--yes', ['--storage', before]))}`,
  ];
  return fail(`The images are in ${before}, and would not be found in ${path}.`, fix, { flag: '--storage' });
};

/** Returns the command that stops the registry. podman and the machine itself run it as a unit, which would start it again. */
async function stopLine(engine: EngineKind = 'docker', at: { dir: string; name: string }, host: Host) {
  const serviceManager = engine === 'docker' ? 'script' : await serviceManagerOf(host);
  if (serviceManager !== 'script')
    return systemctlLine({ own: serviceManager === 'own systemd' }, 'stop', `${at.name}.service`).join(' ');
  return engine === 'native' ? `kill $(cat ${scriptFiles(scriptPath(at)).pid})` : `${engine} stop ${at.name}`;
}
