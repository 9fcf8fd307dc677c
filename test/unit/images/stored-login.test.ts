// The logins that docker and podman keep, each under the names that it writes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realHost } from '../../../src/host/this-host.ts';
import { DOCKER_HUB } from '../../../src/images/name.ts';
import { storedLogin } from '../../../src/images/stored-login.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

test.each([
  ['docker', '.docker/config.json', 'https://index.docker.io/v1/'],
  ['podman', '.config/containers/auth.json', 'docker.io'],
])('the login of %s to Docker Hub is found', async (_, file, key) => {
  const home = temporaryDirectory();
  const path = join(home, file);
  mkdirSync(join(path, '..'), { recursive: true });
  const auth = Buffer.from('ann:pw:1').toString('base64');
  writeFileSync(path, JSON.stringify({ auths: { [key]: { auth } } }));
  const all = await Promise.all(
    DOCKER_HUB.loginNames.map((name) => storedLogin(realHost(), { HOME: home }, name)),
  );
  const found = all.find(Boolean);
  expect([found?.user, found?.password.reveal()]).toEqual(['ann', 'pw:1']);
  expect(await storedLogin(realHost(), { HOME: home }, 'other.example')).toBeUndefined();
});

test('an identity token is found, and not the login beside it that nobody can use', async () => {
  const home = temporaryDirectory();
  mkdirSync(join(home, '.docker'));
  const auth = Buffer.from('00000000-0000-0000-0000-000000000000:').toString('base64');
  const auths = { 'a.azurecr.io': { auth, identitytoken: 'eyJ' } };
  writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ auths }));
  const found = await storedLogin(realHost(), { HOME: home }, 'a.azurecr.io');
  expect([found?.user, found?.identityToken?.reveal()]).toEqual(['', 'eyJ']);
});

test('a credential helper keeps one under a name of its own', async () => {
  const home = temporaryDirectory();
  mkdirSync(join(home, '.docker'));
  writeFileSync(
    join(home, '.docker/config.json'),
    JSON.stringify({ auths: { 'a.azurecr.io': {} }, credsStore: 'x' }),
  );
  const host = {
    ...realHost(),
    run: async () => ({ code: 0, stdout: '{"Username":"<token>","Secret":"eyJ"}', stderr: '' }),
  };
  const found = await storedLogin(host, { HOME: home }, 'a.azurecr.io');
  expect([found?.user, found?.identityToken?.reveal()]).toEqual(['', 'eyJ']);
});
