// A backup file as it is written, and everything that may have happened to it since.
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Host } from '../../../../../src/host/host.ts';
import { sha256 } from '../../../../../src/host/sha256.ts';
import { packTar } from '../../../../../src/host/tar.ts';
import { realHost } from '../../../../../src/host/this-host.ts';
import { Secret } from '../../../../../src/secret.ts';
import { keepIn, statesIn } from '../../../../../src/server/maintenance/backup/directory.ts';
import type { Contents } from '../../../../../src/server/maintenance/backup/format.ts';
import type { Packing } from '../../../../../src/server/maintenance/backup/packing.ts';
import { planBackup } from '../../../../../src/server/maintenance/backup/pieces.ts';
import { readBackup } from '../../../../../src/server/maintenance/backup/read.ts';
import { type Passphrase, passphraseOf } from '../../../../../src/server/maintenance/backup/seal.ts';
import { survey } from '../../../../../src/server/maintenance/backup/survey.ts';
import { backupStream } from '../../../../../src/server/maintenance/backup/write.ts';
import { packedBytes, sampleStorage } from '../../../../helpers/sample-storage.ts';
import { temporaryDirectory } from '../../../../helpers/tmp.ts';

const host = realHost();
const key = passphraseOf(new Secret('offen'));

/** A registry's directory with an index, an attestation, a signature and a packed layer. */
function registry() {
  const dir = join(temporaryDirectory(), 'registry');
  const storage = join(dir, 'data');
  const files = { 'settings.yml': 'host: reg.lab\nport: 5000\n', 'ca/ca.key': 'the key of the CA' };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  const sample = sampleStorage(storage);
  const app = sample.image('team/app', packedBytes(150_000));
  const proof = sample.image('team/app', 'an attestation');
  const index = sample.manifest('team/app', { manifests: [app, proof] }, '1.0');
  const signature = sample.image('team/app', 'a signature', undefined, { subject: index });
  const old = sample.image('other', 'zeros '.repeat(20_000), 'latest');
  return { dir, storage, sample, app, proof, index, signature, old };
}

const plan = async ({ dir, storage }: { dir: string; storage: string }) =>
  planBackup(host, { dir, storage }, await survey(host, storage));

async function written(packing: Packing = 'gzip', by?: Passphrase) {
  const made = registry();
  const file = join(temporaryDirectory(), 'a.backup');
  await host.save(file, backupStream(host, await plan(made), { packing, key: by }), 0o600);
  return { ...made, file };
}

async function contentOf(file: string, by?: Passphrase, on: Host = host) {
  const blobs = new Map<string, Buffer>();
  const found = await readBackup(on, file, {
    passphrase: async () => by,
    blob: async ({ sha256: hex, chunks }) => {
      const parts: Buffer[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      blobs.set(hex, Buffer.concat(parts));
    },
  });
  return { ...found, blobs };
}
const refusal = (file: string, by?: Passphrase) =>
  contentOf(file, by).then(
    () => 'it was read',
    ({ message, exitCode }) => `${exitCode} ${message}`,
  );

describe.each([
  ['zstd', undefined],
  ['gzip', undefined],
  ['gzip', key],
] as const)('packed with %s', (packing, by) => {
  test('comes back with every manifest, also those without a tag', async () => {
    const { file, app, proof, index, signature, old, dir } = await written(packing, by);
    const { contents, files, blobs, sealed } = await contentOf(file, by);
    expect(sealed).toBe(by !== undefined);
    expect(files.get('registry/ca/ca.key')?.toString()).toBe('the key of the CA');
    expect(contents.dir).toBe(dir);
    const [other, team] = contents.repositories;
    expect(other?.tags.map(({ tag, digest }) => [tag, digest])).toEqual([['latest', old.digest]]);
    expect(team?.manifests.map(({ digest }) => digest).sort()).toEqual(
      [app, proof, index, signature].map(({ digest }) => digest).sort(),
    );
    for (const [hex, bytes] of blobs) expect(sha256(bytes)).toBe(hex);
    expect(blobs.size).toBe(contents.blobs.length);
  });

  test('cut off at any place, it is refused', async () => {
    const { file } = await written(packing, by);
    const bytes = (await host.read(file)) as Buffer;
    for (let i = 0; i < 24; i++) {
      const end = i < 12 ? Math.floor((bytes.length * i) / 12) : bytes.length - (i - 11) * 7;
      writeFileSync(file, bytes.subarray(0, end));
      expect(await refusal(file, by), `${end} of ${bytes.length} bytes`).toMatch(/^2 .*cannot be restored: /);
    }
  });

  test('a flipped byte is refused, or changes nothing that counts', async () => {
    const { file } = await written(packing, by);
    const bytes = (await host.read(file)) as Buffer;
    const before = await contentOf(file, by);
    for (let i = 0; i < 32; i++) {
      const at = Math.floor((bytes.length * i) / 32);
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (i % 8));
      writeFileSync(file, changed);
      const now = await contentOf(file, by).catch(({ exitCode }) => exitCode);
      if (now !== 2) expect(now, `byte ${at}`).toEqual(before);
    }
  });
});

test('an unpacked file is an OCI image layout, in an archive that tar reads', async () => {
  const { file, index } = await written();
  const { code, stdout } = await host.run('tar', ['-xzOf', file, 'index.json', 'oci-layout']);
  expect(code).toBe(0);
  expect(stdout).toContain('"imageLayoutVersion":"1.0.0"');
  expect(stdout).toContain(`"digest":"${index.digest}"`);
  expect(stdout).toContain('"org.opencontainers.image.ref.name":"team/app:1.0"');
});

describe('of a sealed file', () => {
  test('a wrong passphrase is told apart from damage, and no passphrase from both', async () => {
    const { file } = await written('gzip', key);
    expect(await refusal(file, passphraseOf(new Secret('zu')))).toContain('the passphrase is not the one');
    expect(await refusal(file)).toContain('it is encrypted');
    truncateSync(file, 3_000);
    expect(await refusal(file, key)).toContain('damaged or cut off');
  });

  test('nothing can be read: no name, no key', async () => {
    const { file } = await written('gzip', key);
    const bytes = (await host.read(file)) as Buffer;
    for (const word of ['settings.yml', 'team/app', 'the key of']) expect(bytes.includes(word)).toBe(false);
  });
});

/** An archive that anybody could make. */
async function forged(change: (contents: Contents) => unknown, more: { name: string; bytes: Buffer }[] = []) {
  const made = registry();
  const { contents, files } = await plan(made);
  const honest = [...contents.blobs];
  const told = (change(contents) ?? contents) as Contents;
  const text = Buffer.from(JSON.stringify(told));
  const entries = [
    { name: 'registry-setup.json', bytes: text },
    ...[...files].map(([name, bytes]) => ({ name, bytes })),
    ...(await Promise.all(
      honest.map(async ([hex]) => ({
        name: `blobs/sha256/${hex}`,
        bytes: (await host.read(made.sample.path(`sha256:${hex}`))) as Buffer,
      })),
    )),
    ...more,
    { name: 'registry-setup.sha256', bytes: Buffer.from(`${sha256(text)}\n`) },
  ];
  const file = join(temporaryDirectory(), 'forged.backup');
  const chunks = packTar(entries.map(({ name, bytes }) => ({ name, size: bytes.length, chunks: [bytes] })));
  await host.save(file, chunks, 0o600);
  return file;
}

describe('a hostile archive', () => {
  test('an honest one is read, so that the refusals below have their cause', async () => {
    expect(await refusal(await forged(() => undefined))).toBe('it was read');
  });

  const change = <T>(work: (contents: Contents) => T) => work;
  test.each([
    ['a newer format', change((c) => ({ ...c, format: 99, by: '9.0.0' })), 'Use registry-setup 9.0.0'],
    [
      'a name that leads out',
      change((c) => c.files.push({ name: 'registry/../../etc/passwd', size: 0, sha256: '0'.repeat(64) })),
      'a file that no backup has',
    ],
    [
      'a file that nobody restores',
      change((c) => c.files.push({ name: 'registry/.state/journal', size: 0, sha256: '0'.repeat(64) })),
      'a file that no backup has',
    ],
    [
      'a file twice',
      change((c) => c.files.push({ ...c.files[0] } as Contents['files'][number])),
      'more than once',
    ],
    [
      'a size that lies',
      change((c) => {
        (c.blobs[0] as [string, number])[1] += 1;
      }),
      'not what its list of contents says',
    ],
    [
      'a file that is too large for memory',
      change((c) => {
        (c.files[0] as { size: number }).size = 1e12;
      }),
      'larger than any registry',
    ],
    [
      'a repository that leads out',
      change((c) => {
        (c.repositories[0] as { name: string }).name = '../../etc';
      }),
      'a name that none can have',
    ],
    [
      'a tag that leads out',
      change((c) => {
        (c.repositories[0]?.tags[0] as { tag: string }).tag = '../../../x';
      }),
      'a name that none can have',
    ],
    [
      'a manifest that is not in it',
      change((c) => {
        (c.repositories[0]?.manifests[0] as { digest: string }).digest = `sha256:${'0'.repeat(64)}`;
      }),
      'is not in it',
    ],
    [
      'a blob that is left out',
      change((c) => {
        c.blobs.push(['f'.repeat(64), 5]);
      }),
      'not what its list of contents says',
    ],
    [
      'a repository twice',
      change((c) => {
        c.repositories.push(c.repositories[0] as Contents['repositories'][number]);
      }),
      'more than once',
    ],
    ['no list at all', change(() => [1, 2]), 'cannot be read'],
  ])('%s', async (_, work, said) => {
    const file = await forged((contents) => {
      const made = work(contents);
      return typeof made === 'object' ? made : undefined;
    });
    const failure = await contentOf(file).catch(
      (error: { message: string; fix: string[]; exitCode: number }) => error,
    );
    expect(failure).toMatchObject({ exitCode: 2 });
    const { message, fix } = failure as { message: string; fix: string[] };
    expect([message, ...fix].join(' ')).toContain(said);
  });

  test('more than its list says: another member, bytes behind the end', async () => {
    const bytes = Buffer.from('more');
    expect(await refusal(await forged(() => undefined, [{ name: 'blobs/sha256/more', bytes }]))).toContain(
      'not what its list',
    );
    const file = await forged(() => undefined);
    await host.append(file, 'more');
    expect(await refusal(file)).toContain('Something follows its end');
  });

  test('any other archive, text, nothing', async () => {
    const file = join(temporaryDirectory(), 'x');
    await host.save(file, packTar([{ name: 'layer.tar', size: 1, chunks: [Buffer.from('x')] }]), 0o600);
    expect(await refusal(file)).toContain('it is no backup of registry-setup');
    writeFileSync(file, 'some text');
    expect(await refusal(file)).toContain('It is not a tar archive');
    writeFileSync(file, '');
    expect(await refusal(file)).toContain('it is empty');
    expect(await refusal('/nowhere')).toContain('there is no such file');
  });

  test('a bomb: what comes out of it is bounded by its list of contents', async () => {
    const file = await forged(() => undefined);
    const zeros = async function* () {
      for (let i = 0; i < 40; i++) yield Buffer.alloc(1_048_576);
    };
    const bomb = async function* () {
      yield (await host.read(file)) as Buffer;
      yield* zeros();
    };
    const packed = `${file}.gz`;
    await host.save(packed, host.transform('gzip', ['-1'], bomb(), { timeout: 60_000 }), 0o600);
    expect(await refusal(packed)).toContain('More comes out of it');
  });
});

describe('what a storage holds', () => {
  test('an image with a lost or changed part stays out, and is named; an index without one platform stays in', async () => {
    const made = registry();
    const { sample, storage } = made;
    const lost = sample.image('broken', 'a layer that goes', '1');
    await host.remove(sample.path(sample.blob('a layer that goes').digest));
    const changed = sample.image('changed', 'a layer', '1');
    writeFileSync(sample.path(changed.digest), '{}');
    const empty = sample.manifest('hollow', { manifests: [lost] }, '1');
    const half = sample.manifest('team/app', { manifests: [made.app, lost] }, 'half');
    const found = await survey(host, storage);
    expect(found.incomplete.sort()).toEqual(['broken:1', 'changed:1', 'hollow:1']);
    expect(found.manifests.has(half.digest)).toBe(true);
    for (const { digest } of [lost, changed, empty]) expect(found.blobs.has(digest.slice(7))).toBe(false);
  });

  test('layers of others, which are in no registry', async () => {
    const { sample, storage } = registry();
    const config = sample.blob('{}');
    const foreign = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      digest: `sha256:${'a'.repeat(64)}`,
      size: 5,
      urls: ['https://x.invalid/y'],
    };
    const windows = sample.manifest('windows', { config, layers: [foreign] }, '1');
    expect((await survey(host, storage)).manifests.has(windows.digest)).toBe(true);
  });

  test('a link in place of a blob is not followed', async () => {
    const { sample, storage } = registry();
    const secret = join(temporaryDirectory(), 'secret');
    writeFileSync(secret, 'shadow');
    const image = sample.image('evil', 'shadow', '1');
    const layer = sample.path(sample.blob('shadow').digest);
    await host.remove(layer);
    symlinkSync(secret, layer);
    expect((await survey(host, storage)).incomplete).toEqual(['evil:1']);
    expect((await survey(host, storage)).manifests.has(image.digest)).toBe(false);
  });

  test('a layer with other bytes of the same length: the error names the image', async () => {
    const made = registry();
    const { sample } = made;
    writeFileSync(sample.path(sample.blob('a signature').digest), 'b signature');
    const file = join(temporaryDirectory(), 'x');
    const saving = host.save(
      file,
      backupStream(host, await plan(made), { packing: 'gzip', key: undefined }),
      0o600,
    );
    await expect(saving).rejects.toThrow(`team/app@${made.signature.digest}`);
    expect(await host.stat(file)).toBeUndefined();
  });
});

describe('a directory of backups', () => {
  const progress = { told: () => {}, begin: async () => {} };

  test.each([undefined, key])('grows by what is new, and every state comes back', async (by) => {
    const made = registry();
    const directory = join(temporaryDirectory(), 'backups');
    const first = await keepIn(host, directory, await plan(made), by, progress);
    expect(first.blobs).toBeGreaterThan(5);
    made.sample.image('team/app', 'a new layer', '2.0');
    const second = await keepIn(host, directory, await plan(made), by, progress);
    // The layer, the manifest; its configuration is there.
    expect(second.blobs).toBe(2);
    const states = await statesIn(host, directory);
    expect(states).toEqual([first.state, second.state]);
    const tags = await Promise.all(
      states.map(async (state) => (await contentOf(state, by)).contents.repositories[1]?.tags.length),
    );
    expect(tags).toEqual([1, 2]);
    expect((await host.stat(second.state))?.mode).toBe(0o600);

    const blobs = await host.list(join(directory, 'blobs/sha256'));
    await host.remove(join(directory, 'blobs/sha256', blobs[0] as string));
    expect(await refusal(second.state, by)).toContain('it is gone');
  });

  test('a state that was removed by hand: what it alone needed goes, a day later', async () => {
    const made = registry();
    const directory = join(temporaryDirectory(), 'backups');
    const first = await keepIn(host, directory, await plan(made), undefined, progress);
    const gone = made.old.digest.slice(7);
    await host.removeTree(join(made.storage, 'docker/registry/v2/repositories/other'));
    await host.remove(first.state);
    const second = await keepIn(host, directory, await plan(made), undefined, progress);
    expect(second.freed.blobs, 'another machine may be about to name it').toBe(0);
    await host.run('sh', ['-c', 'touch -d "3 days ago" "$0"/*', join(directory, 'blobs/sha256')]);
    const third = await keepIn(host, directory, await plan(made), undefined, progress);
    expect(third.freed.blobs).toBe(2);
    expect(await host.list(join(directory, 'blobs/sha256'))).not.toContain(gone);
    expect(await refusal(third.state)).toBe('it was read');
  });
});
