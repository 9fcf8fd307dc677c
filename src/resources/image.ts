// The image that a service is started from: there already, or pulled, or loaded from an archive.
import { mayHold } from '../engines/images/bundled.ts';
import { pullImage } from '../engines/images/pull.ts';
import * as images from '../engines/images/store.ts';
import type { Provider, ResourceOf } from './resource.ts';

export const image: Provider<ResourceOf<'image'>> = {
  title: ({ ref }) => `image ${ref}`,

  async check({ ref, archive, engine = 'docker' }, host) {
    if (await images.imageId(host, ref, engine)) return undefined;
    const from = archive && mayHold(archive, ref) ? archive : undefined;
    return { what: 'create', details: [from ? `${engine} load -i ${from}` : `${engine} pull ${ref}`] };
  },

  // It stays when a run is rolled back: it harms nobody, and the next try is spared the wait. Only uninstall takes it away.
  undo: async ({ ref, engine }) => ({ steps: [{ do: 'image', ref, ...(engine && { engine }) }] }),

  async apply({ ref, archive, engine = 'docker' }, host, report) {
    if (archive && mayHold(archive, ref)) await images.loadImage(host, archive, engine, ref);
    // An archive may hold one of two images that are wanted: the other one is pulled.
    if (!archive || !(await images.imageId(host, ref, engine))) await pullImage(host, ref, report, engine);
  },
};
