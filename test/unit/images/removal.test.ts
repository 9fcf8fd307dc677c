// What goes with an image, and what must stay.
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../src/images/manifest.ts';
import { freedBytes, type Leaf, planRemoval } from '../../../src/images/removal.ts';

const hex = (name: string) => `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`;
const manifest = (name: string, parts: Partial<Manifest> = {}): Manifest => ({
  digest: hex(name),
  size: 1,
  kind: 'image',
  type: '',
  holds: undefined,
  config: undefined,
  layers: [],
  children: [],
  subject: undefined,
  annotations: {},
  ...parts,
});
const index = (name: string) => manifest(name, { kind: 'index' });
const [a, b, amd, arm, attestation] = ['a', 'b', 'amd', 'arm', 'att'].map((name) => manifest(name)) as [
  Manifest,
  Manifest,
  Manifest,
  Manifest,
  Manifest,
];
const multi: Leaf = { tag: 'multi', family: [index('multi'), amd, arm, attestation] };

const REGISTRY_3 = { untag: true };
const REGISTRY_2 = { untag: false };
const remove = (leaves: Leaf[], tags: string[], abilities = REGISTRY_3, named: Manifest[] = []) => {
  const digests = new Map(
    named.map((one) => [one.digest, leaves.find(({ family }) => family[0] === one)?.family ?? [one]]),
  );
  const plan = planRemoval({ repository: 'r', tags: new Set(tags), digests }, leaves, abilities);
  return { ...plan, manifests: plan.manifests.map(({ digest }) => digest) };
};

test('a rule never takes a tag along that it did not choose: then the image stays', () => {
  const wanted = { repository: 'r', tags: new Set(['old']), digests: new Map(), spares: true as const };
  const leaves: Leaf[] = [
    { tag: 'old', family: [a] },
    { tag: 'release', family: [a] },
  ];
  expect(planRemoval(wanted, leaves, REGISTRY_2)).toMatchObject({
    manifests: [],
    tags: [],
    along: [],
    stays: [{ tag: 'old', for: ['release'] }],
  });
  expect(planRemoval(wanted, leaves, REGISTRY_3)).toMatchObject({ untag: ['old'], stays: [] });
});

describe('a tag', () => {
  test('goes with its image', () => {
    const plan = remove(
      [
        { tag: '1', family: [a] },
        { tag: '2', family: [b] },
      ],
      ['1'],
    );
    expect(plan).toMatchObject({ manifests: [a.digest], untag: [], along: [], empties: false });
  });

  test('goes alone, if another tag needs its image and the registry can do that', () => {
    const plan = remove(
      [
        { tag: '1', family: [a] },
        { tag: 'latest', family: [a] },
      ],
      ['1'],
    );
    expect(plan).toMatchObject({ manifests: [], untag: ['1'], along: [], empties: false });
  });

  test('takes the other tags along, if the registry cannot delete it alone', () => {
    const plan = remove(
      [
        { tag: '1', family: [a] },
        { tag: 'latest', family: [a] },
      ],
      ['1'],
      REGISTRY_2,
    );
    expect(plan).toMatchObject({ manifests: [a.digest], untag: [], empties: true });
    expect(plan.along).toEqual([{ tag: 'latest', digest: a.digest, unnamed: true }]);
  });

  test('takes its image, if all tags of it were named', () => {
    const plan = remove(
      [
        { tag: '1', family: [a] },
        { tag: 'latest', family: [a] },
      ],
      ['1', 'latest'],
    );
    expect(plan).toMatchObject({ manifests: [a.digest], untag: [], along: [], empties: true });
  });

  test('whose manifest is missing goes alone, or stays where that cannot be done', () => {
    const leaves = [
      { tag: 'lost', family: [] },
      { tag: '1', family: [a] },
    ];
    expect(remove(leaves, ['lost'])).toMatchObject({ manifests: [], untag: ['lost'], stays: [] });
    expect(remove(leaves, ['lost'], REGISTRY_2)).toMatchObject({
      untag: [],
      stays: [{ tag: 'lost', for: [] }],
    });
  });
});

describe('an index', () => {
  test('goes before its parts, and takes them along, attestations too', () => {
    expect(remove([multi], ['multi']).manifests).toEqual([
      hex('multi'),
      amd.digest,
      arm.digest,
      attestation.digest,
    ]);
  });

  test('leaves the parts that another tag needs', () => {
    const other: Leaf = { tag: 'next', family: [index('next'), amd] };
    expect(remove([multi, other], ['multi']).manifests).toEqual([
      hex('multi'),
      arm.digest,
      attestation.digest,
    ]);
    expect(remove([multi, { tag: 'amd', family: [amd] }], ['multi']).manifests).not.toContain(amd.digest);
  });

  test('is not broken by the removal of a tag of one of its parts', () => {
    const leaves = [multi, { tag: 'amd', family: [amd] }];
    expect(remove(leaves, ['amd'])).toMatchObject({ manifests: [], untag: ['amd'] });
    expect(remove(leaves, ['amd'], REGISTRY_2)).toMatchObject({
      manifests: [],
      untag: [],
      stays: [{ tag: 'amd', for: ['multi'] }],
      tags: [],
    });
  });

  test('with a tag of a part goes as a whole, if both were named', () => {
    const plan = remove([multi, { tag: 'amd', family: [amd] }], ['amd', 'multi'], REGISTRY_2);
    expect(plan.manifests.sort()).toEqual([hex('multi'), amd.digest, arm.digest, attestation.digest].sort());
    expect(plan.empties).toBe(true);
  });
});

describe('a digest', () => {
  test('takes every tag of it, named by the user', () => {
    const plan = remove(
      [
        { tag: '1', family: [a] },
        { tag: 'latest', family: [a] },
        { tag: '2', family: [b] },
      ],
      [],
      REGISTRY_3,
      [a],
    );
    expect(plan).toMatchObject({ manifests: [a.digest], untag: [], empties: false });
    expect(plan.along.map(({ tag, unnamed }) => [tag, unnamed])).toEqual([
      ['1', false],
      ['latest', false],
    ]);
  });

  test('that no tag leads to goes alone', () => {
    const plan = remove([{ tag: '1', family: [a] }], [], REGISTRY_3, [b]);
    expect(plan).toMatchObject({ manifests: [b.digest], along: [], empties: false });
  });
});

describe('what is attached to an image by its name', () => {
  const signature = (of: Manifest, ending = '.sig'): Leaf => ({
    tag: `${of.digest.replace(':', '-')}${ending}`,
    family: [manifest(`sig${ending}`)],
  });

  test('goes with it', () => {
    const leaves = [
      { tag: '1', family: [a] },
      signature(a),
      signature(a, ''),
      { tag: '2', family: [b] },
      signature(b, '.att'),
    ];
    const plan = remove(leaves, ['1']);
    expect(plan.manifests.sort()).toEqual([a.digest, hex('sig.sig'), hex('sig')].sort());
  });

  test('stays as long as a tag of the image does', () => {
    const leaves = [{ tag: '1', family: [a] }, { tag: 'latest', family: [a] }, signature(a)];
    expect(remove(leaves, ['1'])).toMatchObject({ manifests: [], untag: ['1'] });
  });
});

test('what is freed is what nothing needs any more, each once', () => {
  const layer = (name: string, size: number) => ({ digest: hex(name), size });
  const one = manifest('one', { config: layer('c1', 10), layers: [layer('base', 1000), layer('l1', 100)] });
  const two = manifest('two', { config: layer('c2', 10), layers: [layer('base', 1000), layer('l2', 200)] });
  expect(freedBytes([one], [two])).toBe(1 + 10 + 100);
  expect(freedBytes([one, two], [])).toBe(2 + 20 + 100 + 200 + 1000);
  expect(freedBytes([one], [one])).toBe(0);
});
