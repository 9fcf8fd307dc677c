// The files that a running nginx works with: it reads them anew without losing a request.
import { inspect } from '../engines/containers.ts';
import { reloadNginx, reloadWords } from '../engines/nginx.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, wayBackOfFile } from './provider.ts';

export interface ReloadResource {
  kind: 'reload';
  /** The name of the container. */
  name: string;
  /** The path of the configuration inside. */
  config: string;
  /** The file that says which files were read last. */
  marker: string;
  /** The digest of the files. */
  digest: string;
  /** Docker by default. */
  engine?: Program;
}

type ReloadStep = { do: 'reload'; name: string; config: string; engine?: Program };

const text = ({ digest }: ReloadResource) => `${digest}\n`;
const isRead = async (resource: ReloadResource, host: Host) =>
  (await host.read(resource.marker))?.toString() === text(resource);

export const reload: Provider<ReloadResource, ReloadStep> = {
  title: ({ name }) => `reload of ${name}`,
  id: ({ name }) => name,
  engine: ({ engine }) => engine,
  removed: (name) => `reload of ${name}`,
  // Whoever reads the plan sees the files themselves.
  review: () => [],

  async check(resource, host) {
    if (await isRead(resource, host)) return undefined;
    const { engine = 'docker' } = resource;
    return { what: 'create', details: [shellLine(engine, reloadWords(resource))] };
  },

  async undo({ name, config, marker, engine }, host, vault) {
    return {
      steps: [await wayBackOfFile(marker, host, vault)],
      last: [{ do: 'reload', name, config, ...(engine && { engine }) }],
    };
  },

  async apply(resource, host) {
    const { name, config, marker, engine } = resource;
    await reloadNginx(host, { name, config, engine });
    await host.write(marker, text(resource), { mode: 0o644 });
  },

  steps: {
    reload: {
      async perform({ name, config, engine }, host) {
        if ((await inspect(host, name, engine))?.running) await reloadNginx(host, { name, config, engine });
      },
      isLeft: async ({ name, engine }, host) => (await inspect(host, name, engine))?.running === true,
      inverse: async () => ({ steps: [] }),
      words: ({ name, config, engine = 'docker' }) => shellLine(engine, reloadWords({ name, config })),
    },
  },
};
