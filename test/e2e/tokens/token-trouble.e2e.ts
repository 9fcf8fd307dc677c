// Token mode when something is wrong: what is refused before anything is touched, what is undone, and what is said of it.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { trapDocker } from '../helpers/faults.ts';
import { refused, run, startServer } from '../helpers/machines.ts';
import { ADMIN, askAll, READER } from '../helpers/tokens.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: Host;
beforeAll(async () => {
  server = await startServer({ images: ['registry:3', 'registry:2', 'cesanta/docker_auth:1'] });
  await server.sh(IMAGES);
});
beforeEach(() => server.reset());
afterAll(removeAll);

/** A docker_auth that is told something else than what is written, and registries that look like the other one. */
const IMAGES = `
  commit() { docker commit "$@" >/dev/null; }
  docker create --name trouble registry:3 serve x >/dev/null
  commit -c 'CMD ["/etc/docker/registry/config.yml"]' trouble lab/three-as-two:1
  docker rm trouble >/dev/null
  docker create --name trouble registry:2 serve x >/dev/null
  commit -c 'CMD ["/etc/distribution/config.yml"]' trouble lab/two-as-three:1
  docker rm trouble >/dev/null
  docker create --name trouble cesanta/docker_auth:1 x >/dev/null
  while read -r name edit; do
    commit -c "ENTRYPOINT [\\"/bin/sh\\",\\"-c\\",\\"sed '$edit' /config/auth_config.yml >/dev/shm/c.yml; exec /docker_auth/auth_server --v=2 --logtostderr /dev/shm/c.yml\\"]" -c 'CMD []' trouble lab/auth-$name:1
  done <<'TEXT'
issuer s/issuer: registry-setup/issuer: somebody-else/
broken s/^acl:/acl: [/
generous s/- pull/- \\"*\\"/
TEXT
  docker rm trouble >/dev/null
  docker save -o /usr/local/lib/trouble.tar lab/three-as-two:1 lab/two-as-three:1 $(docker images --format '{{.Repository}}:{{.Tag}}' 'lab/auth-*')`;

const words = (more = '') => `--yes --auth token --host ${'$HOSTNAME'} --reader bob --password-stdin ${more}`;
const given = { input: `${ADMIN}\n${READER}` };

describe('before anything is touched', () => {
  it.each([
    ['--auth-port 5000', 'the registry and its logins need a port each'],
    ['--reader admin', 'admin is an administrator already'],
    ["--reader 'carol:Team/*'", '"Team/*" is not a repository'],
    ["--user '/^.*$/'", 'is not a user name'],
    ["--anonymous-pull --reader 'carol:team/*'", 'then everybody may pull everything, also carol'],
  ])('%s', async (more, wanted) => {
    expect(await refused(server, 2, words(more), given)).toContain(wanted);
    expect(await server.changes()).toEqual([]);
  });

  it.each([
    ['--auth htpasswd', 'readers need the gateway'],
    ['--auth none', 'only --auth token and htpasswd have readers'],
  ])('%s with a reader, or with pulls for everybody', async (auth, words) => {
    expect(await refused(server, 2, `--yes ${auth} --reader bob`)).toContain(words);
    expect(await refused(server, 2, `--yes ${auth} --anonymous-pull`)).toContain(
      'only --auth token has pulls',
    );
    expect(await server.changes()).toEqual([]);
  });

  it('a port for logins that is taken, a name that is taken: names the holder, and the fix', async () => {
    await server.sh('docker run -d --name other -p 5001:80 --entrypoint sleep registry:3 60');
    const port = await refused(server, 2, words(), given);
    expect(port).toContain('Port 5001 is taken by the container "other"');
    expect(port).toContain('--auth-port 5002');
    await server.sh(
      'docker rm -f other; docker run -d --name registry-auth --entrypoint sleep registry:3 60',
    );
    expect(await refused(server, 2, words(), given)).toContain(
      'The container "registry-auth" (registry:3) was not made by',
    );
  });
});

describe('the proof names the cause', () => {
  it.each([
    ['a key id of the other kind', '--image lab/three-as-two:1', 'it does not know the key that signs them'],
    [
      'the same the other way round',
      '--image lab/two-as-three:1',
      'it does not know the key that signs them',
    ],
    ['another issuer', '--auth-image lab/auth-issuer:1', 'they come from another issuer'],
    ['readers who may push', '--auth-image lab/auth-generous:1', 'bob pushed'],
    ['a docker_auth that does not start', '--auth-image lab/auth-broken:1', 'registry-auth|docker_auth'],
  ])('%s, and nothing of it stays', async (_, more, wanted) => {
    await server.sh('docker load -qi /usr/local/lib/trouble.tar');
    const before = await server.changes();
    const said = await refused(server, 1, words(more), given);
    expect(said).toMatch(new RegExp(wanted));
    expect(said).toContain('Everything was put back as it was.');
    expect(said).not.toContain('bug');
    expect(await server.changes()).toEqual(before);
  });
});

it('a change that fails leaves both as they were', async () => {
  await server.sh('docker load -qi /usr/local/lib/trouble.tar');
  await run(server, words('--tls insecure'), given);
  const look = async () => {
    const at = (await server.sh('echo $HOSTNAME:5000')).stdout.trim();
    const { stdout } =
      await server.sh(`sha256sum /opt/registry/auth/* /opt/registry/config/* /opt/registry/settings.yml
      docker ps -a --format '{{.ID}} {{.Names}} {{.Image}} {{.State}}'`);
    const calls = [ADMIN, READER].map((who) => ({ who, call: 'POST /v2/x/blobs/uploads/' }));
    return { stdout, answers: await askAll(server, at, '', calls) };
  };
  // Nobody's password is known to these runs: a user of its own shows that tokens are not taken any more.
  const before = await look();
  const said = await refused(server, 1, '--yes --image lab/three-as-two:1');
  expect(said).toContain('it does not know the key that signs them');
  // docker_auth takes its former file about two seconds after that is back.
  await expect.poll(look, { timeout: 10_000, interval: 500 }).toEqual(before);
  expect(before.answers).toEqual(['202', '401']);
  for (const more of ['--auth-image lab/auth-issuer:1', '--auth-image lab/auth-broken:1'])
    await refused(server, 1, `--yes ${more} --auth-port 5077 --password-stdin`, given);
  expect(await look()).toEqual(before);
  // docker_auth cannot be replaced: the registry, which was, comes back too.
  const { env } = await trapDocker(server, {
    at: 'create',
    before: 'case "$*" in *docker_auth*) exit 1;; esac',
  });
  expect(await refused(server, 1, '--yes --auth-port 5077', { env })).toContain('Everything was put back');
  expect(await look()).toEqual(before);
});
