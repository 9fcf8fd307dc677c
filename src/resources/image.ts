// The image that a service is started from: there already, or pulled, or loaded from an archive.
import * as docker from '../engines/docker.ts';
import { pullImage } from '../engines/pull.ts';
import type { Provider, ResourceOf } from '../resource.ts';

export const image: Provider<ResourceOf<'image'>> = {
  title: ({ ref }) => `image ${ref}`,

  async check({ ref, archive }, host) {
    if (await docker.imageId(host, ref)) return undefined;
    return { what: 'create', details: [archive ? `docker load -i ${archive}` : `docker pull ${ref}`] };
  },

  // It stays when a run is rolled back: it harms nobody, and the next try is spared the wait. Only uninstall takes it away.
  undo: async ({ ref }) => ({ steps: [{ do: 'image', ref }] }),

  async apply({ ref, archive }, host, report) {
    if (archive) await docker.loadImage(host, archive);
    // An archive may hold one of two images that are wanted: the other one is pulled.
    if (!archive || !(await docker.imageId(host, ref))) await pullImage(host, ref, report);
  },
};
