// What no tag leads to, in a real registry: never what is just being pushed.
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findUntagged } from '../../../src/commands/image/untagged.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { openSession } from '../../../src/registry/session.ts';
import { type Descriptor, putImage, putIndex } from '../../helpers/images.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';

describe.skipIf(noRegistry)('what no tag leads to', () => {
  test('is found when it is old: not a part of a tagged image, nor of an index that was pushed just now', async () => {
    const { at, data } = await startRegistry();
    const session = openSession(at, 'registry.test', { kind: 'login', credentials: undefined }, undefined);
    const found = async () =>
      (
        await findUntagged({ host: realHost() } as never, { settings: { storage: data } } as never, session)
      ).flatMap(({ repository, manifests }) => manifests.map(({ digest }) => `${repository}@${digest}`));
    const age = ({ digest }: Descriptor) => {
      const link = `docker/registry/v2/repositories/app/_manifests/revisions/sha256/${digest.slice(7)}/link`;
      const before = new Date(Date.now() - 7_200_000);
      utimesSync(join(data, link), before, before);
    };
    const [one, two, three] = await Promise.all(
      ['one', 'two', 'three'].map((layer) => putImage(at, 'app', undefined, { layers: [layer] })),
    );
    const parts = [one, two, three] as [Descriptor, Descriptor, Descriptor];
    expect(await found(), 'all are young').toEqual([]);
    await putIndex(at, 'app', 'tagged', [[parts[0], 'amd64']]);
    const young = await putIndex(at, 'app', undefined, [[parts[1], 'amd64']]);
    parts.forEach(age);
    expect(await found()).toEqual([`app@${parts[2].digest}`]);
    age(young);
    expect((await found()).sort()).toEqual(
      [young, parts[1], parts[2]].map(({ digest }) => `app@${digest}`).sort(),
    );
    session.close();
  });
});
