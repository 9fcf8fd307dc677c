// Fetches images from a registry, for a machine with neither Docker nor podman. (distribution-spec: Pulling manifests, Pulling blobs)
import { join } from 'node:path';
import { architecture } from '../engines/images/archive.ts';
import { fullName, plainName } from '../engines/images/reference.ts';
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type Entry, packTar } from '../host/tar.ts';
import type { Step } from '../reconcile/progress.ts';
import { digest, refusal } from '../registry/api.ts';
import { ask, type Endpoint, type Reply, STRANGER } from '../registry/http.ts';
import { proxyFor } from '../registry/no-proxy.ts';
import { call } from '../registry/token.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes } from '../terminal/output.ts';

/** The types of lists of images for several platforms, and of images; Docker's own types are the older ones. */
const TYPES = ['vnd.oci.image.index.v1', 'vnd.docker.distribution.manifest.list.v2']
  .concat(['vnd.oci.image.manifest.v1', 'vnd.docker.distribution.manifest.v2'])
  .map((type) => `application/${type}+json`)
  .join(', ');
const TIMEOUT = 60_000;
const HOPS = 5;
/** Bytes of a refusal, at most. */
const REFUSAL = 1024 * 1024;

interface Part {
  digest: string;
  size: number;
}
interface Manifest {
  manifests?: (Part & { platform?: { os: string; architecture: string } })[];
  config?: Part;
  layers?: Part[];
}

/** Returns where to fetch an image: Docker Hub's own address; without TLS only on this machine, as Docker does. */
export function placeOf(
  ref: string,
  env: NodeJS.ProcessEnv,
): { at: Endpoint; repository: string; tag: string } {
  const [, server = '', repository = '', tag = ''] =
    /^([^/]+)\/(.+):([^:/]+)$/.exec(fullName(plainName(ref))) ?? [];
  const { hostname, port } = new URL(`https://${server === 'docker.io' ? 'registry-1.docker.io' : server}`);
  return { at: endpoint(hostname, port, !/^(localhost|127\.[\d.]+)$/.test(hostname), env), repository, tag };
}

function endpoint(host: string, port: string, tls: boolean, env: NodeJS.ProcessEnv): Endpoint {
  const number = Number(port || (tls ? 443 : 80));
  return { tls, host, port: number, proxy: proxyFor(env, host, number) };
}

/** An image, and how this machine reaches it. */
interface Source {
  ref: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal | undefined;
}

/** Gets a manifest or a blob of a repository. Follows redirects without the token. `most`: the bytes of a blob. @throws Error if it is refused or has another hash */
async function get(
  { ref, env, signal }: Source,
  kind: 'manifests' | 'blobs',
  name: string,
  most?: number,
): Promise<Reply> {
  const { at, repository } = placeOf(ref, env);
  const options = {
    timeout: TIMEOUT,
    signal,
    // A refusal is longer than many a configuration.
    most: most && Math.max(most, REFUSAL),
    ...(kind === 'manifests' && { headers: { accept: TYPES } }),
  };
  const path = `/v2/${repository}/${kind}/${name}`;
  let reply = await call(at, 'GET', path, { ...options, credentials: STRANGER });
  let base = `${at.tls ? 'https' : 'http'}://${at.host}:${at.port}`;
  for (let hop = 0; hop < HOPS && reply.status >= 300 && reply.status < 400; hop++) {
    const to = new URL(String(reply.headers.location), base);
    base = to.origin;
    const next = endpoint(to.hostname, to.port, to.protocol === 'https:', env);
    reply = await ask(next, 'GET', to.pathname + to.search, options);
  }
  if (reply.status !== 200) throw new Error(refusal(reply));
  if (name.startsWith('sha256:') && digest(reply.body) !== name)
    throw new Error(`${name} does not match its digest`);
  return reply;
}

/** Returns the image for this kind of machine, out of a list if need be. @throws Error if there is none */
async function manifestOf(source: Source): Promise<Required<Pick<Manifest, 'config' | 'layers'>>> {
  const read = async (name: string) =>
    JSON.parse((await get(source, 'manifests', name)).body.toString()) as Manifest;
  const first = await read(placeOf(source.ref, source.env).tag);
  const fits = ({ platform }: Pick<NonNullable<Manifest['manifests']>[number], 'platform'>) =>
    platform?.os === 'linux' && platform.architecture === architecture();
  const chosen = first.manifests?.find(fits);
  if (first.manifests && !chosen) throw new Error(`the image does not exist for ${architecture()}`);
  const { config, layers } = chosen ? await read(chosen.digest) : first;
  if (!config || !layers) throw new Error('its kind is unknown');
  return { config, layers };
}

/** Returns the steps that fetch images and write them as `docker save` does. They check names and hashes, and execute nothing. */
export function fetchFromRegistry(
  host: Host,
  refs: string[],
  env: NodeJS.ProcessEnv,
  folder: string,
  to: string,
): Step[] {
  const inside = join(folder, 'fetched');
  const list: { Config: string; RepoTags: string[]; Layers: string[] }[] = [];
  const fetch = (ref: string): Step => ({
    title: `Image ${ref} fetched`,
    run: async (report) => {
      const source = { ref, env, signal: host.signal };
      try {
        const { config, layers } = await manifestOf(source);
        const all = [config, ...layers].reduce((sum, { size }) => sum + size, 0);
        let done = 0;
        for (const part of [config, ...layers]) {
          report(`${bytes(done)} of ${bytes(all)}`);
          const { body } = await get(source, 'blobs', part.digest, part.size);
          await host.write(join(inside, fileOf(part)), body, { mode: 0o600 });
          done += part.size;
        }
        list.push({ Config: fileOf(config), RepoTags: [ref], Layers: layers.map(fileOf) });
        await host.write(join(inside, 'manifest.json'), JSON.stringify(list), { mode: 0o600 });
      } catch (error) {
        if (host.signal?.aborted) throw new Interrupted();
        throw notFetched(ref, env, error as Error);
      }
      return undefined;
    },
  });
  const begin: Step = {
    title: 'Neither Docker nor podman is here: straight from the registry',
    run: async () => {
      await host.mkdir(inside, 0o700);
      return undefined;
    },
  };
  const save: Step = {
    title: `${refs.join(', ')} in one archive`,
    run: async () => {
      await host.save(to, packTar(files(host, inside)), 0o600);
      return undefined;
    },
  };
  return [begin, ...refs.map(fetch), save];
}

/** Yields the files of a folder, one after the other. */
async function* files(host: Host, folder: string): AsyncGenerator<Entry> {
  for (const name of await host.list(folder)) {
    const content = (await host.read(join(folder, name))) ?? Buffer.alloc(0);
    yield { name, size: content.length, chunks: [content] };
  }
}

const fileOf = ({ digest: name }: Part) => name.replace(/[^\w-]/g, '-');

function notFetched(ref: string, env: NodeJS.ProcessEnv, error: Error): CliError {
  if (error instanceof CliError) return error;
  const { at } = placeOf(ref, env);
  return new CliError(`The image ${ref} could not be fetched from ${at.host}.`, {
    why: [error.message || String(error), at.proxy && `The request goes through the proxy of HTTPS_PROXY.`]
      .filter(Boolean)
      .join('\n'),
    fix: [
      `From a mirror:   ${commandLine('bundle FILE --image MIRROR/library/registry:3')}`,
      `From a file:     ${commandLine('bundle FILE --image-archive registry.tar')}`,
    ],
  });
}
