// Names of images with their registries, as docker reads them.
import { describe, expect, test } from 'vitest';
import { readImageName } from '../../../src/images/name.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('the name of an image', () => {
  test.each([
    ['alpine:3', undefined, 'alpine', '3'],
    ['team/app:1', undefined, 'team/app', '1'],
    ['team/app', undefined, 'team/app', undefined],
    ['docker.io/alpine:3', 'docker.io', 'library/alpine', '3'],
    ['docker.io/library/alpine:3', 'docker.io', 'library/alpine', '3'],
    ['index.docker.io/team/app', 'docker.io', 'team/app', undefined],
    ['localhost/app:1', 'localhost:443', 'app', '1'],
    ['localhost:5000/app:1', 'localhost:5000', 'app', '1'],
    ['registry.cn-hangzhou.aliyuncs.com/x/y:1', 'registry.cn-hangzhou.aliyuncs.com', 'x/y', '1'],
    ['10.0.3.17:5000/team/app:1', '10.0.3.17:5000', 'team/app', '1'],
    ['[::1]:5000/team/app:1', '[::1]:5000', 'team/app', '1'],
    ['http://10.0.3.17:5000/team/app:1', '10.0.3.17:5000', 'team/app', '1'],
    ['https://registry.example/team/app', 'registry.example', 'team/app', undefined],
  ])('%s', (word, registry, repository, tag) => {
    const read = readImageName(word);
    expect([read.registry?.name, read.repository, read.tag]).toEqual([registry, repository, tag]);
  });

  test('may have a tag and a digest', () => {
    expect(readImageName(`host:5000/team/app:1@${DIGEST}`)).toMatchObject({
      repository: 'team/app',
      tag: '1',
      digest: DIGEST,
    });
  });

  test('of Docker Hub is reached at its own address, with the login that docker keeps for it', () => {
    expect(readImageName('docker.io/team/app').registry).toMatchObject({
      host: 'registry-1.docker.io',
      port: 443,
      loginNames: ['index.docker.io', 'docker.io'],
    });
  });

  test('with a scheme says how the registry is reached; without one both are possible', () => {
    expect(readImageName('http://10.0.3.17/app').registry).toMatchObject({ scheme: 'http', port: 80 });
    expect(readImageName('10.0.3.17:5000/app').registry?.scheme).toBeUndefined();
  });

  test.each(['Team/App:1', 'host:5000/Team/app', 'a b', 'app:', 'host:99999/app', 'app@sha256:12'])(
    'is refused: %s',
    (word) => {
      expect(() => readImageName(word)).toThrow(expect.objectContaining({ exitCode: 2 }));
    },
  );
});
