// Token mode and the others: changed by a second run, with the same people and passwords; seen by status, taken away by uninstall.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { ask, refused, run, running, startServer } from '../helpers/machines.ts';
import { ADMIN, askAll, PASSWORDS, READER, SCOPED, STRANGER } from '../helpers/tokens.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: Host;
let at: string;
beforeAll(async () => {
  server = await startServer({ images: ['registry:3', 'registry:2', 'cesanta/docker_auth:1'] });
  at = `${server.name}:5000`;
});
beforeEach(() => server.reset());
afterAll(removeAll);

const people = "--user admin --reader bob --reader 'carol:team/*' --password-stdin";
const plain = (words: string, input = PASSWORDS) =>
  run(server, `--yes --tls insecure --host ${server.name} ${words}`, { input });
const answers = async (call = 'GET /v2/', ...who: string[]) =>
  (
    await askAll(
      server,
      at,
      '',
      who.map((one) => ({ who: one, call })),
    )
  ).join(' ');
const UPLOAD = 'POST /v2/team/app/blobs/uploads/';
const url = () => `http://${at}/v2/`;
const status = async () => JSON.parse((await server.sh('registry-setup status --json || [ $? = 1 ]')).stdout);

it('htpasswd → token → none → token → htpasswd: the passwords stay, and the output says what clients must do', async () => {
  await plain('--auth htpasswd --user admin --user bob --password-stdin', `${ADMIN}\n${READER}`);
  expect(await ask(server, url(), ADMIN)).toMatch(/^200/);

  await run(server, "--yes --auth token --user admin --reader bob --reader 'carol:team/*' --password-stdin", {
    input: SCOPED,
  });
  expect(await answers('GET /v2/', ADMIN, READER, SCOPED, STRANGER)).toBe('200 200 200 login 401');
  expect(await answers(UPLOAD, ADMIN, READER, SCOPED)).toBe('202 401 401');
  expect(await ask(server, url(), ADMIN)).toMatch(/^401/);

  const none = await run(server, '--yes --auth none');
  expect(none.stderr).toMatch(/everybody|Nobody|whoever/i);
  expect(await answers('GET /v2/', STRANGER)).toBe('200');
  expect((await server.sh("docker ps -a --format '{{.Names}}'")).stdout).toBe('registry\n');

  const again = await run(server, '--yes --auth token');
  expect(again.stderr).toContain(`Every client must log in: docker login ${at}`);
  expect(await answers('GET /v2/', ADMIN, READER, SCOPED, STRANGER)).toBe('200 200 200 login 401');
  expect(await answers(UPLOAD, ADMIN, READER, SCOPED)).toBe('202 401 401');

  const back = await run(server, '--yes --auth htpasswd');
  expect(back.stderr).toContain('bob, carol could only pull until now');
  for (const who of [ADMIN, READER, SCOPED]) expect(await ask(server, url(), who)).toMatch(/^200/);
  expect((await server.sh("docker ps -a --format '{{.Names}}'")).stdout).toBe('registry\n');
  expect((await server.sh('ls /opt/registry/auth')).stdout).toBe('htpasswd\n');
  expect(await refused(server, 2, "user add --reader 'x' --yes")).toContain(
    'readers need the gateway, or token mode',
  );
});

describe('a registry with roles', () => {
  beforeEach(() => plain(`--auth token ${people}`));

  it('an image of registry 2, and back: the form of the key id follows', async () => {
    const legacy = async () =>
      /disable_legacy_key_id: (\w+)/.exec(await server.read('/opt/registry/auth/auth_config.yml'))?.[1];
    expect(await legacy()).toBe('true');
    // By what is in it, not by what it is called.
    await server.sh('docker tag registry:2 mirror.example/library/whatever:3');
    const { stderr } = await run(server, '--yes --image mirror.example/library/whatever:3');
    expect(stderr).toContain('Accepts the tokens of docker_auth, and refuses what no rule allows');
    expect(await legacy()).toBe('false');
    expect(await answers(UPLOAD, ADMIN, READER)).toBe('202 401');
    await run(server, '--yes --image registry:3');
    expect(await legacy()).toBe('true');
    expect(await answers(UPLOAD, ADMIN, READER)).toBe('202 401');
  });

  it('nothing changed: nothing is done, and neither is restarted', async () => {
    const before = [await running(server), await running(server, 'registry-auth')];
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    expect((await run(server, `--yes --auth token ${people}`, { input: PASSWORDS })).stderr).toContain(
      'Nothing to do',
    );
    expect([await running(server), await running(server, 'registry-auth')]).toEqual(before);
    expect(await status()).toMatchObject({ ok: true, answers: true, takesTokens: true, drift: [] });
    await server.sh('docker stop registry-auth');
    expect(await refused(server, 1, 'status --json')).toBe('');
  });

  it('another port for logins: docker_auth and the registry follow', async () => {
    await run(server, '--yes --auth-port 5055');
    expect(await answers('GET /v2/', ADMIN)).toBe('200');
    expect(await ask(server, `http://${server.name}:5001/`)).toBe('000');
  });

  it('status reports edited rules and a stopped docker_auth; --yes repairs both', async () => {
    const file = '/opt/registry/auth/auth_config.yml';
    // A rule by hand: bob becomes an administrator. The bytes of the file are the drift.
    await server.sh(
      `sed -i '0,/- pull/s//- "*"/' ${file}; chmod 644 /opt/registry/auth/token.key; docker stop registry-auth`,
    );
    const { ok, drift } = await status();
    expect(ok).toBe(false);
    expect(drift.map(({ title }: { title: string }) => title)).toEqual([
      '/opt/registry/auth/token.key',
      file,
      'container registry-auth',
    ]);
    const { stdout } = await server.sh('registry-setup status || true');
    expect(stdout).toMatch(/^ *-.*"\*"/m);
    expect(stdout).not.toMatch(/\$2[aby]\$/);
    expect(stdout).not.toContain('PRIVATE KEY');
    await run(server, '--yes');
    expect(await status()).toMatchObject({ ok: true, drift: [] });
    expect(await answers(UPLOAD, ADMIN, READER)).toBe('202 401');
  });

  it('a file that is broken by hand does not reach docker_auth, and --yes puts it right', async () => {
    const file = '/opt/registry/auth/auth_config.yml';
    const before = await running(server, 'registry-auth');
    await server.sh(
      `{ cat ${file}; echo 'acl: ['; } >/opt/registry/auth/new; mv /opt/registry/auth/new ${file}; sleep 4`,
    );
    expect(await answers('GET /v2/', ADMIN, READER)).toBe('200 200');
    await run(server, '--yes');
    expect(await running(server, 'registry-auth')).toBe(before);
    expect(await answers(UPLOAD, ADMIN, READER)).toBe('202 401');
    expect(await status()).toMatchObject({ ok: true, drift: [] });
  });

  it('its files are readable by root only, and only files that are read are mounted', async () => {
    const { stdout } =
      await server.sh(`stat -c '%a %U %n' /opt/registry/auth /opt/registry/auth/* | sed 's# /opt/registry/# #'
      docker inspect -f '{{range .Mounts}}{{.Source}} {{.RW}} {{end}}{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}' registry-auth
      docker inspect -f '{{range .Mounts}}{{.Source}} {{.RW}}{{println}}{{end}}' registry | sort`);
    expect(stdout.trim().split('\n').filter(Boolean)).toEqual([
      '700 root auth',
      '600 root auth/auth_config.yml',
      '644 root auth/token.crt',
      '600 root auth/token.key',
      '/opt/registry/auth false true [ALL]',
      '/opt/registry/config false',
      '/opt/registry/data true',
    ]);
  });

  it('uninstall --purge leaves no trace', async () => {
    await run(server, 'uninstall --purge --yes');
    expect(await server.changes()).toEqual([]);
  });
});
