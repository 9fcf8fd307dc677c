// Which image an upgrade is about: the one that is named, the one in a file, else what the name of today leads to next.
import { expect, test } from 'vitest';
import { beforeName, nextOf, wantedOf } from '../../../../../src/server/maintenance/upgrade/wanted.ts';

test.each([
  ['registry:2', 'registry:3'],
  ['registry:2.8.3', 'registry:3'],
  ['mirror.corp:5000/library/registry:2', 'mirror.corp:5000/library/registry:3'],
  ['registry:3', 'registry:3'],
  ['registry:3.0.0', 'registry:3.0.0'],
  // Somebody's own names say nothing of a version.
  ['corp/registry:2024', 'corp/registry:2024'],
  ['corp/our-registry:2', 'corp/our-registry:2'],
  ['registry', 'registry'],
  ['registry:3-before-1b041807', 'registry:3'],
  ['registry:2-before-1b041807', 'registry:3'],
  ['cesanta/docker_auth:1', 'cesanta/docker_auth:1'],
])('after %s comes %s', (now, next) => expect(nextOf(now)).toBe(next));

const id = `sha256:${'1b041807'.repeat(8)}`;
test.each([
  ['registry:3', 'registry:3-before-1b041807'],
  ['registry', 'registry:latest-before-1b041807'],
  ['corp:5000/registry', 'corp:5000/registry:latest-before-1b041807'],
  ['registry:3-before-99999999', 'registry:3-before-1b041807'],
])('what %s was stays as %s', (ref, name) => expect(beforeName(ref, id)).toBe(name));

const plain = { image: 'registry:2', authImage: 'cesanta/docker_auth:1', auth: 'htpasswd' as const };
const token = { ...plain, auth: 'token' as const };

test.each([
  ['nothing said', plain, {}, { registry: 'registry:3' }],
  ['tokens', token, {}, { registry: 'registry:3', auth: 'cesanta/docker_auth:1' }],
  ['one named: the other stays', token, { image: 'a:1' }, { registry: 'a:1' }],
  ['the other', token, { authImage: 'b:1' }, { auth: 'b:1' }],
  ['a file', plain, { held: ['registry:3'] }, { registry: 'registry:3' }],
  [
    'a file with another version',
    plain,
    { held: ['x:1', 'corp/registry:3.1'] },
    { registry: 'corp/registry:3.1' },
  ],
  [
    'a file for both',
    token,
    { held: ['docker.io/cesanta/docker_auth:1', 'docker.io/library/registry:3'] },
    { registry: 'docker.io/library/registry:3', auth: 'docker.io/cesanta/docker_auth:1' },
  ],
  [
    'a file for docker_auth alone',
    token,
    { held: ['cesanta/docker_auth:1.14'] },
    { auth: 'cesanta/docker_auth:1.14' },
  ],
  ['a name in a file', plain, { image: 'a:1', held: ['a:1', 'registry:3'] }, { registry: 'a:1' }],
])('%s', (_, settings, wish, wanted) => expect(wantedOf(settings, wish)).toEqual(wanted));
