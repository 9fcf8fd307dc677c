// What runs now: its images, their versions, and what somebody has changed by hand in it.
import { inspect } from '../../../engines/containers.ts';
import * as images from '../../../engines/images/store.ts';
import { CliError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import type { Program, Settings } from '../../../settings/settings.ts';
import { hasDockerAuth } from '../../../settings/token-server.ts';
import { commandLine } from '../../../terminal/command.ts';
import { authName } from '../../auth/docker-auth.ts';
import { majorOf, type PerRole, type Role } from './wanted.ts';

/** A service that runs, and its image. */
export interface Running {
  ref: string;
  id: string;
  created: string;
  /** What its program says; undefined if it does not say. Of the registry alone. */
  version?: string | undefined;
  /** Of the registry: 2 or 3. */
  major?: number | undefined;
  architecture: string;
  /** The names of its environment variables. */
  variables: string[];
}

/** Returns what the registry's program in an image says of itself. */
export async function versionOf(
  host: Host,
  id: string,
  program: Program,
): Promise<{ version: string | undefined; major: number | undefined }> {
  const version = await images.registryVersionIn(host, id, program);
  return { version, major: majorOf(version) ?? (await images.registryMajor(host, id, program)) };
}

/** Returns what runs in containers of this registry. @throws CliError if it does not run, or is not that of this registry */
export async function runningHere(host: Host, settings: Settings): Promise<PerRole<Running>> {
  const program: Program = settings.engine === 'podman' ? 'podman' : 'docker';
  const one = async (role: Role, name: string, ref: string): Promise<Running> => {
    const there = await inspect(host, name, program);
    if (!there?.running || there.owner !== settings.dir)
      throw new CliError(`${name} does not run: an upgrade compares the new image with what runs.`, {
        fix: [
          `See what is wrong:   ${commandLine('status')}`,
          `Start it:            ${commandLine('--yes')}`,
        ],
      });
    const facts = await images.imageFacts(host, there.imageId, program);
    return {
      ref,
      id: there.imageId,
      created: facts?.created ?? '',
      architecture: facts?.architecture ?? '',
      variables: there.variables,
      ...(role === 'registry' && (await versionOf(host, there.imageId, program))),
    };
  };
  return {
    registry: await one('registry', settings.name, settings.image),
    ...(hasDockerAuth(settings) && { auth: await one('auth', authName(settings), settings.authImage) }),
  };
}
