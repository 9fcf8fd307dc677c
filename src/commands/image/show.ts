// `registry-setup image show REPOSITORY:TAG | REPOSITORY@DIGEST`: what one image is.
import type { Context } from '../../context.ts';
import { partsOf, readerOf } from '../../images/contents.ts';
import { missingImage } from '../../images/missing.ts';
import { readReference } from '../../images/pattern.ts';
import { imageLines } from '../../images/screens.ts';
import { withRegistry } from './registry.ts';

/** Exits with 1 if the image is not there. */
export const show = (context: Context): Promise<void> =>
  withRegistry(context, async ({ session }) => {
    const { output, operands } = context;
    const reference = readReference(operands[0] ?? '', session.name);
    const { repository, tag, digest } = reference;
    const reader = readerOf(session);
    const manifest = await reader.manifest(repository, digest ?? tag ?? 'latest');
    if (!manifest) throw await missingImage(session, reference);
    const [family, description, configuration] = await Promise.all([
      reader.family(repository, manifest),
      reader.describe(repository, manifest),
      reader.configuration(repository, manifest),
    ]);
    const { size, platforms, created } = description;
    output.json({
      ok: true,
      registry: session.name,
      image: {
        repository,
        ...(tag && { tag }),
        digest: manifest.digest,
        type: manifest.type,
        kind: manifest.kind,
        bytes: size,
        parts: partsOf(family).size,
        platforms,
        created: created?.toISOString() ?? null,
        layers: manifest.layers.map(({ digest, size }) => ({ digest, bytes: size })),
        manifests: manifest.children.map(({ digest, size, platform }) => ({
          digest,
          bytes: size,
          platform: platform ?? null,
        })),
        labels: configuration?.labels ?? {},
        annotations: manifest.annotations,
        subject: manifest.subject ?? null,
      },
    });
    output.out(
      ...imageLines(
        { name: session.name, reference, manifest, family, description, configuration },
        new Date(),
      ),
    );
  });
