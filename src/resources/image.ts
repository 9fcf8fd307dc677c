// The image of a service: here already, pulled, or loaded from an archive.
import { mayHold } from '../engines/images/bundled.ts';
import { pullImage } from '../engines/images/pull.ts';
import * as images from '../engines/images/store.ts';
import type { ImageFlag } from '../settings/gateway.ts';
import type { Program } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, WHEN_OVER } from './provider.ts';

export interface ImageResource {
  kind: 'image';
  ref: string;
  /** The flag that names it; `image` by default. */
  flag?: ImageFlag;
  archive?: string | undefined;
  engine?: Program;
}

type ImageStep = { do: 'image'; ref: string; engine?: Program };

export const image: Provider<ImageResource, ImageStep> = {
  title: ({ ref }) => `image ${ref}`,
  id: ({ ref }) => ref,
  engine: ({ engine }) => engine,
  removed: (ref) => `image ${ref}`,
  review: (changes) => [...new Set(changes.map(({ drift }) => drift.details[0] ?? ''))],

  async check({ ref, archive, engine = 'docker' }, host) {
    if (await images.imageId(host, ref, engine)) return undefined;
    const from = archive && mayHold(archive, ref) ? archive : undefined;
    return { what: 'create', details: [shellLine(engine, from ? ['load', '-i', from] : ['pull', ref])] };
  },

  // A roll-back keeps the image: it does no harm, and the next try saves the wait. Only uninstall removes it.
  undo: async ({ ref, engine }) => ({ steps: [{ do: 'image', ref, ...(engine && { engine }) }] }),

  async apply({ ref, flag, archive, engine = 'docker' }, host, report) {
    if (archive && mayHold(archive, ref)) await images.loadImage(host, archive, engine, ref);
    // An archive may hold some of the images that are needed: then the others are pulled.
    if (!archive || !(await images.imageId(host, ref, engine)))
      await pullImage(host, ref, report, engine, flag);
  },

  steps: {
    image: {
      perform: ({ ref, engine }, host) => images.removeImage(host, ref, engine),
      isLeft: async ({ ref, engine }, host) => (await images.imageId(host, ref, engine)) !== undefined,
      ...WHEN_OVER,
      words: ({ ref, engine = 'docker' }) => `${engine} rmi ${ref}      (if nothing else uses it)`,
      staysOnRollBack: true,
    },
  },
};
