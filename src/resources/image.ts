// The image that a service is started from: there already, or pulled, or loaded from an archive.
import * as docker from '../engines/docker.ts';
import { CliError } from '../errors.ts';
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
    if (!archive) return docker.pullImage(host, ref, report);
    const said = await docker.loadImage(host, archive);
    if (await docker.imageId(host, ref)) return;
    throw new CliError(`${archive} does not hold the image ${ref}.`, {
      why: said.trim(),
      fix: 'registry-setup --image-archive FILE --image THE-NAME-IN-IT',
    });
  },
};
