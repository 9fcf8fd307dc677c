// What the name of an image leads to: a pull or a load gives a name to another image, and the way back gives it back.
import * as images from '../engines/images/store.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import type { StepKind } from './provider.ts';

export interface TagStep {
  do: 'tag';
  ref: string;
  /** Of the image that had the name; undefined if none had it. */
  id?: string;
  engine?: Program;
}

/** Tells whether the name leads elsewhere, and the image is still here. */
async function isElsewhere({ ref, id, engine }: TagStep, host: Host): Promise<boolean> {
  if (id === undefined) return (await images.imageId(host, ref, engine)) !== undefined;
  const [now, there] = await Promise.all([ref, id].map((name) => images.imageId(host, name, engine)));
  return there !== undefined && now !== there;
}

/** No resource returns it: only an upgrade changes what a name leads to. */
export const tag: StepKind<TagStep> = {
  async perform(step, host) {
    const { ref, id, engine } = step;
    if (!(await isElsewhere(step, host))) return;
    if (id === undefined) await images.removeImage(host, ref, engine);
    else await images.tagImage(host, id, ref, engine);
  },
  isLeft: isElsewhere,
  inverse: async () => ({ steps: [] }),
  words: ({ ref, id, engine = 'docker' }) =>
    shellLine(engine, id === undefined ? ['rmi', ref] : ['tag', id, ref]),
};
