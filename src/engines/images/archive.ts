// What an image archive holds, without loading it: what `docker save` writes, or an OCI layout.
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { DEFAULT_IMAGE } from '../../settings/settings.ts';
import { plainName } from './reference.ts';

const READ_LIMIT = 120_000;

/**
 * The images in an archive; tar finds out by itself how it is compressed.
 * @throws CliError (exit 2) where the file is not such an archive
 */
export async function listArchive(host: Host, path: string): Promise<Listed[]> {
  const bad = (message: string, why?: string) =>
    new CliError(`--image-archive: ${message}`, {
      why,
      fix: `docker save -o registry.tar ${DEFAULT_IMAGE}      makes one`,
      exitCode: 2,
    });
  const there = await host.stat(path);
  if (!there) throw bad(`there is no file ${path}.`);
  if (there.type !== 'file') throw bad(`${path} is not a file.`);
  const inside = (file: string) => host.run('tar', ['-xOf', path, file], { timeout: READ_LIMIT });
  const { code, stdout, stderr } = await inside('manifest.json');
  const [, unpacker] = /(\w+): Cannot (?:exec|run)/.exec(stderr) ?? [];
  if (unpacker)
    throw new CliError(`--image-archive: ${path} is packed with ${unpacker}, which is not on this machine.`, {
      fix: [`apt-get install ${unpacker}`, `Or unpack it elsewhere first:   ${unpacker} -d FILE`],
      exitCode: 2,
    });
  if (code !== 0 && !/not found in archive/i.test(stderr))
    throw bad(`${path} is not an image archive.`, stderr.split('\n')[0]);
  const read = async (file: string) => {
    if (code === 0) return file === 'manifest.json' ? stdout : undefined;
    const found = await inside(file);
    return found.code === 0 ? found.stdout : undefined;
  };
  let images: Listed[];
  let named: boolean;
  try {
    images = JSON.parse(await readManifest(read, DEFAULT_IMAGE)) as Listed[];
    named = namesOf(images).length > 0;
  } catch {
    throw bad(`${path} is not an image archive: its list of images cannot be read.`);
  }
  if (!named) throw bad(`the image in ${path} has no name: it was saved by its id.`);
  return images;
}

const namesOf = (images: Listed[]): string[] => images.flatMap(({ RepoTags }) => RepoTags ?? []);

/** The names of the images in an archive. @throws as listArchive does */
export const archiveImages = async (host: Host, path: string): Promise<string[]> =>
  namesOf(await listArchive(host, path));

/** The image of that name in a list, whichever engine wrote it. */
export const listed = (images: Listed[], ref: string): Listed | undefined =>
  images.find((image) => namesOf([image]).some((name) => plainName(name) === plainName(ref)));

/** The image to start: the one that was asked for, when the archive holds it; the registry, or the first, when none was. */
export function chooseImage(names: string[], path: string, wanted: string | undefined): string {
  if (wanted === undefined) return names.find((name) => /(^|\/)registry:/.test(name)) ?? (names[0] as string);
  if (names.some((name) => plainName(name) === plainName(wanted))) return wanted;
  throw new CliError(`--image ${wanted}: ${path} does not hold it, but ${names.join(', ')}.`, {
    fix: `--image ${names[0]}`,
    exitCode: 2,
  });
}

/** A line of manifest.json, which `docker save` writes and `docker load` reads. */
export interface Listed {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

/** A descriptor, and the parts of what it points to that are read here. (OCI image-spec: image-layout.md, image-index.md, manifest.md) */
interface Descriptor {
  digest: string;
  mediaType?: string;
  annotations?: Record<string, string>;
  platform?: { architecture: string; os: string };
}

const ARCHITECTURE: Partial<Record<string, string>> = { x64: 'amd64', ppc64: 'ppc64le', ia32: '386' };

/** This machine, as images call it. (nodejs.org/api/process.html, process.arch; go.dev/doc/install/source, GOARCH) */
export const architecture = (): string => ARCHITECTURE[process.arch] ?? process.arch;

/**
 * The list of images of an archive; of an OCI layout it is made from its index.
 * @param read a file of the archive, such as `index.json`; a `./` may be before its name
 * @param unnamed what an image without a name is called
 * @throws where there is no such list
 */
export async function readManifest(
  read: (path: string) => Promise<string | undefined>,
  unnamed: string,
): Promise<string> {
  const either = async (path: string) => (await read(path)) ?? (await read(`./${path}`));
  const written = await either('manifest.json');
  if (written !== undefined) return written;
  const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;
  const parse = async (path: string) => JSON.parse((await either(path)) ?? '');
  const { manifests } = (await parse('index.json')) as { manifests: Descriptor[] };
  const here = (one: Descriptor) =>
    !one.platform || (one.platform.os === 'linux' && one.platform.architecture === architecture());
  const list: Listed[] = [];
  for (const top of manifests.filter(here)) {
    let document = await parse(blob(top.digest));
    const fitting = (document.manifests as Descriptor[] | undefined)?.find(
      (one) => one.platform && here(one),
    );
    if (document.manifests) document = await parse(blob((fitting as Descriptor).digest));
    const { config, layers } = document as { config: Descriptor; layers: Descriptor[] };
    const name = imageName(top.annotations ?? {}, unnamed);
    list.push({
      Config: blob(config.digest),
      RepoTags: [name],
      Layers: layers.map(({ digest }) => blob(digest)),
    });
  }
  return JSON.stringify(list);
}

/** containerd writes the whole name, others a tag alone or nothing. */
function imageName(annotations: Record<string, string>, unnamed: string): string {
  const said =
    annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'] ?? unnamed;
  const name = said.replace(/^docker\.io\/(library\/)?/, '');
  return name.includes(':') ? name : `${unnamed.split(':')[0]}:${name}`;
}
