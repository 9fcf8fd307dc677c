// Every undo step that a change can need: those of the table, and those for files.

import { type PurgeStep, purgeStep } from './images.ts';
import type { Key } from './key.ts';
import type { FileStep, StepKind, WayBack } from './provider.ts';
import { PROVIDERS } from './providers.ts';
import { type RestoredImagesStep, restoredImages } from './restored-images.ts';
import { type TestImageStep, testImage } from './sweep.ts';
import { type TagStep, tag } from './tag.ts';
import { type TrialProcessStep, trialProcess } from './trial-process.ts';

type AnyProvider = (typeof PROVIDERS)[keyof typeof PROVIDERS];

export type UndoStep =
  | Awaited<ReturnType<AnyProvider['undo']>>['steps'][number]
  | TestImageStep
  | RestoredImagesStep
  | TagStep
  | TrialProcessStep
  | PurgeStep;

export type Undo = WayBack<UndoStep>;

/** The oldest undo of each resource, by the text of its key, in the order in which they were made. */
export type Oldest = Map<string, { key: Key; title: string; undo: Undo }>;

/** How each undo step of a kind of resource, of a proof, or of the images is done. */
export const STEPS = Object.assign(
  { testImage, restoredImages, tag, trialProcess, purge: purgeStep },
  ...Object.values(PROVIDERS).map(({ steps }) => steps),
) as {
  [D in Exclude<UndoStep, FileStep>['do']]: StepKind<Extract<UndoStep, { do: D }>, UndoStep>;
};
