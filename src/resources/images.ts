// The images of a registry, which only `uninstall --purge` removes: set aside, and removed when nothing else can fail any more.
import { dirname } from 'node:path';
import type { Host } from '../host/host.ts';
import { shellLine } from '../terminal/shell.ts';
import type { StepKind } from './provider.ts';

/** The directory of the images in the storage of a registry, and its name until they are removed. */
export const IMAGES = 'docker/registry';
export const IMAGES_ASIDE = `${IMAGES}.going`;

/** The file in a directory of images that a set-up made and a removal left: the next registry there may remove them. */
export const KEPT = '.left-by-registry-setup';

export interface PurgeStep {
  do: 'purge';
  storage: string;
}

async function purge({ storage }: PurgeStep, host: Host): Promise<void> {
  const inside = host.inside(storage);
  if (!(await inside.removeTree(IMAGES_ASIDE))) throw new Error(`${storage}/${IMAGES_ASIDE} is no directory`);
  await inside.rmdir(dirname(IMAGES));
  await inside.remove(KEPT);
  await host.rmdir(storage);
}

/** The clean-up of a removal. No resource returns it: the journal has it, so that the next run ends what a killed one has begun. */
export const purgeStep: StepKind<PurgeStep> = {
  perform: purge,
  isLeft: async () => true,
  inverse: async () => ({ steps: [] }),
  words: ({ storage }) => shellLine('rm', ['-r', `${storage}/${IMAGES_ASIDE}`]),
};
