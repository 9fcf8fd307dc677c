// Finds what others have in an engine that was installed for the registry: it would be removed with the engine.
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { OWNER_LABEL } from './containers.ts';
import { ANSWERS_WITHIN } from './types.ts';

/**
 * Lists containers, volumes and images of others.
 * @param ours images that may be removed; undefined: does not look at images
 * @returns undefined if the engine does not say
 */
export async function othersIn(host: Host, program: Program, ours?: string[]): Promise<string[] | undefined> {
  const ask = async (...words: string[]) => {
    const { code, stdout } = await host.run(program, words, { timeout: ANSWERS_WITHIN });
    return code === 0 ? stdout.split('\n').filter(Boolean) : undefined;
  };
  const [containers, volumes, images] = await Promise.all([
    ask('ps', '-a', '--format', `{{.Label "${OWNER_LABEL}"}}\t{{.Names}}`),
    ask('volume', 'ls', '-q'),
    ours ? ask('images', '--format', '{{.Repository}}:{{.Tag}}') : [],
  ]);
  if (!containers || !volumes || !images) return undefined;
  // podman shows an image's name with its registry.
  const known = new Set(
    ours?.flatMap((ref) => [
      ref,
      ...['docker.io/library', 'docker.io', 'localhost'].map((from) => `${from}/${ref}`),
    ]),
  );
  return [
    ...containers
      .map((line) => line.split('\t'))
      .filter(([owner]) => !owner)
      .map(([, name]) => `the container ${name}`),
    ...volumes.map((name) => `the volume ${/^[0-9a-f]{64}$/.test(name) ? name.slice(0, 12) : name}`),
    ...images.filter((name) => !known.has(name)).map((name) => `the image ${name}`),
  ];
}
