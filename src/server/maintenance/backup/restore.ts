// Puts the images of a backup into the storage of a registry that does not run yet, as the registry itself lays them out, and proves
// afterwards that it serves them. So every digest stays what it is, also of what no registry would take any more, and no byte is sent.
import { join } from 'node:path';
import type { Context } from '../../../context.ts';
import { CliError } from '../../../errors.ts';
import type { Host, PutOptions } from '../../../host/host.ts';
import { eachOf } from '../../../images/lanes.ts';
import { readManifest } from '../../../images/manifest.ts';
import type { Step } from '../../../reconcile/progress.ts';
import type { Run } from '../../../reconcile/run.ts';
import { manifestOf } from '../../../registry/contents.ts';
import { foreignRealm } from '../../../settings/token-server.ts';
import { bytes } from '../../../terminal/output.ts';
import { withOwnSession } from '../../access.ts';
import type { ServerRequest } from '../../request.ts';
import type { More } from '../../run.ts';
import { blobPath, linkPaths } from '../storage.ts';
import { type Contents, totals, unusable } from './format.ts';
import { type Blob, type Reading, readBackup } from './read.ts';
import { blobsOf } from './survey.ts';

export interface Backup {
  /** The file, or the state. */
  place: string;
  passphrase: Reading['passphrase'];
  contents: Contents;
}

/** The most bytes of a manifest. */
const MOST = 16 * 1024 * 1024;

/** Hears the blobs of a backup, and remembers which ones each manifest needs, and which manifests registry 3 serves no more. */
function listener({ repositories }: Pick<Contents, 'repositories'>) {
  const wanted = new Set(repositories.flatMap(({ manifests }) => manifests.map(({ digest }) => digest)));
  const parts = new Map<string, string[]>();
  const outdated = new Set<string>();
  return {
    parts,
    outdated,
    /** Yields the blob unchanged. */
    async *hear({ sha256, size, chunks }: Blob): AsyncGenerator<Buffer> {
      const digest = `sha256:${sha256}`;
      if (!wanted.has(digest) || size > MOST) return yield* chunks;
      const all: Buffer[] = [];
      for await (const chunk of chunks) {
        all.push(chunk);
        yield chunk;
      }
      const manifest = readManifest({ digest, type: '', body: Buffer.concat(all) });
      if (manifest.kind === 'schema 1') outdated.add(digest);
      parts.set(
        digest,
        blobsOf(manifest).filter((part) => part !== digest),
      );
    },
  };
}

async function* one(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

const hexOf = (digest: string) => digest.slice('sha256:'.length);

/** Writes the links that make blobs the images of repositories. @param parts the blobs of each manifest */
async function writeLinks(
  host: Host,
  storage: string,
  { repositories, blobs }: Contents,
  parts: Map<string, string[]>,
  owner: PutOptions['owner'],
): Promise<void> {
  const inside = host.inside(storage);
  const there = new Set(blobs.map(([hex]) => `sha256:${hex}`));
  const link = (path: string, digest: string, pushed?: string) =>
    inside.put(path, one(digest), { owner, ...(pushed && { modified: new Date(pushed) }) });
  for (const { name, manifests, tags } of repositories) {
    const layers = new Set(manifests.flatMap(({ digest }) => parts.get(digest) ?? []));
    for (const digest of layers)
      if (there.has(digest)) await link(linkPaths.layer(name, hexOf(digest)), digest);
    for (const { digest, pushed } of manifests)
      await link(linkPaths.manifest(name, hexOf(digest)), digest, pushed);
    for (const { tag, digest, pushed } of tags) {
      await link(linkPaths.tagged(name, tag, hexOf(digest)), digest, pushed);
      await link(linkPaths.tag(name, tag), digest, pushed);
    }
  }
}

/** Returns what a run does with the images of a backup beside its plan. */
export function restoring(request: ServerRequest, context: Context, backup: Backup): More {
  const heard = listener(backup.contents);
  return {
    beforeStart: (run) => [imagesStep(request, context, { ...backup, heard }, run)],
    afterProof: (run) => [servedStep(request, context, { ...backup, heard }, run)],
  };
}

type Heard = Backup & { heard: ReturnType<typeof listener> };

/** Returns the step that writes the images; the journal has its way back first. */
function imagesStep(
  { settings: { storage } }: Pick<ServerRequest, 'settings'>,
  { host }: Context,
  { place, passphrase, contents, heard: { parts, hear } }: Heard,
  run: Run,
): Step {
  const all = totals(contents);
  return {
    title: `${all.images} images in ${storage}`,
    async run(report) {
      await mustBeEmpty(host, storage);
      const steps = [{ do: 'restoredImages' as const, storage }];
      await run.record({ kind: 'images', id: storage }, `images in ${storage}`, { steps }, true);
      const { uid, gid } = (await host.stat(storage)) ?? { uid: 0, gid: 0 };
      const owner = { uid, gid };
      const inside = host.inside(storage);
      const found = await readBackup(host, place, {
        passphrase,
        told: (done) => report(`${bytes(done)} of ${bytes(all.bytes)}`),
        blob: (blob) => inside.put(blobPath(blob.sha256), hear(blob), { owner, synced: true }),
      });
      // The file may be another one by now than the one that was checked.
      if (JSON.stringify(found.contents) !== JSON.stringify(contents))
        throw unusable(place, 'it was changed since it was checked.');
      await writeLinks(host, storage, contents, parts, owner);
      return `${all.images} images in ${storage}, ${bytes(all.bytes)}`;
    },
  };
}

/** @throws CliError if images are in the storage */
async function mustBeEmpty(host: Host, storage: string): Promise<void> {
  if ((await host.stat(join(storage, 'docker'))) === undefined) return;
  throw new CliError(`${storage} is not empty any more.`);
}

/** Returns the step that asks the running registry for every manifest and every tag. */
function servedStep(
  request: ServerRequest,
  context: Context,
  { contents, heard: { outdated } }: Heard,
  run: Run,
): Step {
  const { images } = totals(contents);
  return {
    title: 'The images are served',
    run: async (report) => {
      const foreign = foreignRealm(request.settings);
      if (foreign !== undefined) return `The images were not asked for: that needs a login of ${foreign}`;
      return withOwnSession(
        context,
        request,
        async (session) => {
          const wanted = contents.repositories
            .flatMap(({ name, manifests, tags }) => [
              ...manifests.map(({ digest }) => ({ name, reference: digest, digest })),
              ...tags.map(({ tag, digest }) => ({ name, reference: tag, digest })),
            ])
            .filter(({ digest }) => !outdated.has(digest));
          let done = 0;
          await eachOf(wanted, async ({ name, reference, digest }) => {
            const found = await manifestOf(session, name, reference);
            if (found?.digest !== digest)
              throw new CliError(
                `The registry does not serve ${name}${reference === digest ? '@' : ':'}${reference} as it was.`,
                {
                  why: found
                    ? `It sends ${found.digest} in place of ${digest}.`
                    : 'It says that there is none.',
                },
              );
            report(`${++done} of ${wanted.length}`);
          });
          return `${images} images are served, each with its digest`;
        },
        run,
      );
    },
  };
}
