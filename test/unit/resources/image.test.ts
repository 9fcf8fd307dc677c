import { describe, expect, test } from 'vitest';
import { image } from '../../../src/resources/image.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { imageIdOf } from '../../helpers/fake-docker.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases } from '../../helpers/provider-cases.ts';
import { savedImages } from '../../helpers/tar.ts';

const ref = 'registry:3';
const pulled: ResourceOf<'image'> = { kind: 'image', ref };
const loaded: ResourceOf<'image'> = { kind: 'image', ref, archive: '/tmp/registry.tar' };

describe('an image that is pulled', () => {
  fiveCases(image, pulled, [
    {
      name: 'not here',
      prepare: (host) => {
        host.docker.remote[ref] = imageIdOf(ref);
      },
      takes: 'create',
    },
  ]);

  test('an image that is here is not pulled again, also if no pull is possible', async () => {
    const host = fakeHost();
    host.docker.images[ref] = imageIdOf(ref);
    expect(await image.check(pulled, host)).toBeUndefined();
  });

  test('an unreachable image: the error shows the other ways to get it', async () => {
    const failed = image.apply(pulled, fakeHost());
    await expect(failed).rejects.toMatchObject({
      message: 'The image registry:3 is not here, and it could not be pulled.',
      why: expect.stringContaining('dial tcp'),
    });
    await expect(failed).rejects.toMatchObject({
      fix: expect.arrayContaining([
        expect.stringContaining('--image '),
        expect.stringContaining('--image-archive '),
      ]),
    });
  });

  test('the proxy of the engine is named, for it may be the cause', async () => {
    const host = fakeHost();
    host.docker.info.HttpsProxy = 'http://proxy.corp:3128';
    await expect(image.apply(pulled, host)).rejects.toMatchObject({
      why: expect.stringContaining('http://proxy.corp:3128'),
    });
  });
});

describe('an image from a file', () => {
  fiveCases(image, loaded, [
    {
      name: 'not here',
      prepare: (host) => {
        host.docker.archives['/tmp/registry.tar'] = { [ref]: imageIdOf(ref) };
        host.put('/tmp/registry.tar', savedImages(ref));
      },
      takes: 'create',
    },
  ]);

  test('an image that the file lacks is pulled: a file may hold one of two that are needed', async () => {
    const host = fakeHost();
    host.docker.archives['/tmp/registry.tar'] = { 'other:1': imageIdOf('other:1') };
    host.docker.remote[ref] = imageIdOf(ref);
    host.put('/tmp/registry.tar', savedImages('other:1'));
    await image.apply(loaded, host);
    expect(host.docker.images[ref]).toBe(imageIdOf(ref));
  });
});
