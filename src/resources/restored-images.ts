// The images of a backup that a run writes into an empty storage: the way back removes them all.
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import type { StepKind } from './provider.ts';

/** There was no image in that directory when the run began. */
export interface RestoredImagesStep {
  do: 'restoredImages';
  storage: string;
}

/** What a registry makes in its storage. (distribution, registry/storage/paths.go) */
const TOP = 'docker';

async function removeImages({ storage }: RestoredImagesStep, host: Host): Promise<void> {
  const inside = host.inside(storage);
  if (!(await inside.removeTree(`${TOP}/registry`)))
    throw new Error(`${storage}/${TOP} is a link: what it leads to stays`);
  await inside.rmdir(TOP);
}

/** No resource returns it: after a successful run the images are like any others. */
export const restoredImages: StepKind<RestoredImagesStep> = {
  perform: removeImages,
  isLeft: async ({ storage }, host) => (await host.stat(join(storage, TOP))) !== undefined,
  inverse: async () => ({ steps: [] }),
  words: ({ storage }) => `remove the images in ${storage}`,
};
