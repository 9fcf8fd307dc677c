// A registry without TLS, as a developer machine meets it: where it was TLS before, where nobody has said that it is right, and where
// it is. The servers are real ones on loopback that write down every password they are sent; the machine is one in memory.
import { X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Issuer, makeCa, makeKey, makeSite } from '../../../src/certificates/pki.ts';
import { runCommand } from '../../helpers/context.ts';
import { type FakeDaemon, runDockerd } from '../../helpers/daemon.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { freePort } from '../../helpers/registry-program.ts';
import { type Scripted, scripted } from '../../helpers/scripted-prompts.ts';

const PASSWORD = 'Secr3t-pass';
const GIVEN = { REGISTRY_SETUP_PASSWORD: PASSWORD };
let ca: Issuer;
let key: string;
let fingerprint: string;
beforeAll(async () => {
  const keyPem = await makeKey('rsa', 2048);
  ca = { keyPem, certPem: makeCa({ name: 'registry', keyPem }) };
  key = await makeKey('rsa', 2048);
  fingerprint = new X509Certificate(ca.certPem).fingerprint256;
});

interface Registry {
  port: number;
  /** Each password that came, as `user:password`. */
  heard: string[];
  /** The paths that were asked for, with `*` where a password came along. */
  asked: string[];
  close(): Promise<void>;
}

const basicOf = ({ headers }: IncomingMessage) =>
  Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();

interface Serving {
  tls?: boolean;
  port?: number;
  /** Its challenge; a login with a password unless said. */
  challenge?: string;
}

/** A registry that lets admin in, or somebody who pretends to be one. */
async function serve({
  tls,
  port = 0,
  challenge = 'Basic realm="registry"',
}: Serving = {}): Promise<Registry> {
  const heard: string[] = [];
  const asked: string[] = [];
  const answer = (request: IncomingMessage, reply: ServerResponse) => {
    const basic = basicOf(request);
    asked.push(`${request.url}${basic && '*'}`);
    if (basic) heard.push(basic);
    const known = basic === `admin:${PASSWORD}`;
    reply.writeHead(known ? 200 : 401, {
      'docker-distribution-api-version': 'registry/2.0',
      ...(!known && { 'www-authenticate': challenge }),
    });
    reply.end('{}');
  };
  const cert = makeSite({ names: ['127.0.0.1'], days: 30, keyPem: key, issuer: ca }) + ca.certPem;
  const server: Server = tls ? createTlsServer({ key, cert }, answer) : createServer(answer);
  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  onTestFinished(close);
  return { port: (server.address() as AddressInfo).port, heard, asked, close };
}

const CONFIG = '/root/.docker/config.json';
const logins = (host: FakeHost) =>
  (JSON.parse(host.text(CONFIG) ?? '{}').auths ?? {}) as Record<string, unknown>;
const keepLogin = (host: FakeHost, name: string, user = 'admin', password = PASSWORD) => {
  const auth = Buffer.from(`${user}:${password}`).toString('base64');
  host.put(CONFIG, JSON.stringify({ auths: { ...logins(host), [name]: { auth } } }), 0o600);
};

interface Developer {
  host: FakeHost;
  daemon: FakeDaemon;
  /** `registry-setup --client` with these words. */
  client(
    words: string,
    more?: { env?: NodeJS.ProcessEnv; prompts?: Scripted },
  ): ReturnType<typeof runCommand>;
}

/** A machine with a Docker that keeps logins, and pulls nothing, since nothing is there. */
function developer(): Developer {
  const host = fakeHost();
  host.put('/usr/bin/docker', '', 0o755);
  host.put('/usr/bin/dockerd', '', 0o755);
  host.put('/etc/docker/daemon.json', '{\n  "debug": true\n}\n');
  host.commands['docker buildx'] = { code: 1 };
  host.commands['docker pull'] = { code: 1, stderr: 'manifest unknown' };
  const daemon = runDockerd(host);
  const { run } = host;
  host.run = async (command, args, options) => {
    const [word, , user = ''] = args;
    const name = args.at(-1) ?? '';
    if (command === 'docker' && word === 'login') {
      keepLogin(host, name, user, String(options?.input));
      return { code: 0, stdout: '', stderr: '' };
    }
    if (command === 'docker' && word === 'logout') {
      const { [name]: _, ...auths } = logins(host);
      host.put(CONFIG, JSON.stringify({ auths }), 0o600);
      return { code: 0, stdout: '', stderr: '' };
    }
    return run(command, args, options);
  };
  const env = { PATH: '/usr/bin', HOME: '/root' };
  const client: Developer['client'] = (words, more = {}) =>
    runCommand(host, `--client ${words}`, { ...more, env: { ...env, ...more.env } });
  return { host, daemon, client };
}

/** Everything on the machine but which process is the last one. */
const stateOf = ({ host, daemon }: Developer) => ({ ...host.snapshot(), insecure: daemon.insecure() });

/** One that has joined over TLS and keeps a login; then somebody answers plain HTTP on that port. */
async function downgraded(serving: Serving = {}) {
  const registry = await serve({ tls: true });
  const { port } = registry;
  const dev = developer();
  await dev.client(`--yes --host 127.0.0.1:${port} --ca-fingerprint ${fingerprint}`, { env: GIVEN });
  expect(registry.heard).toContain(`admin:${PASSWORD}`);
  await registry.close();
  const impostor = await serve({ ...serving, port });
  return { dev, impostor, name: `127.0.0.1:${port}`, before: stateOf(dev) };
}

/** Says yes to whatever is asked. */
const willing = () =>
  scripted(...['without TLS', 'Go ahead', 'fingerprint'].map((asked): [string, boolean] => [asked, true]), [
    'Password of',
    PASSWORD,
  ]);

describe('a registry that was TLS and now answers plain HTTP', () => {
  test.each([
    ['--yes', '--yes --host NAME', {}],
    ['a password that is given', '--yes --host NAME --user admin', GIVEN],
    ['http:// said', '--yes --host http://NAME', GIVEN],
    ['a dry run', '--yes --dry-run --host NAME', {}],
    ['a dry run with a password', '--dry-run --host http://NAME', GIVEN],
    ['nobody to say yes', '--host NAME', GIVEN],
    ['another target', '--yes --host http://NAME --target docker', GIVEN],
  ])('%s: refused, nothing is sent, nothing is changed', async (_, words, env) => {
    const { dev, impostor, name, before } = await downgraded();
    await expect(dev.client(words.replace('NAME', name), { env })).rejects.toMatchObject({
      message: `${name} used TLS before, and now speaks plain HTTP. Nothing was changed.`,
      fix: expect.arrayContaining([`  registry-setup --client --host ${name} --undo`]),
      exitCode: 2,
    });
    expect(impostor.asked).not.toEqual([]);
    expect(impostor.heard).toEqual([]);
    expect(stateOf(dev)).toEqual(before);
    expect(dev.host.text(`/etc/docker/certs.d/${name}/ca.crt`)).toContain('BEGIN CERTIFICATE');
  });

  test('at a terminal, whatever is answered there', async () => {
    const { dev, impostor, name, before } = await downgraded();
    const prompts = willing();
    await expect(dev.client(`--host ${name}`, { prompts })).rejects.toMatchObject({ exitCode: 2 });
    expect(prompts.transcript).toEqual([]);
    expect(impostor.heard).toEqual([]);
    expect(stateOf(dev)).toEqual(before);
  });

  test('a password by standard input, in a dry run', async () => {
    const { dev, impostor, name } = await downgraded();
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([PASSWORD]) as never);
    onTestFinished(() => void vi.restoreAllMocks());
    const words = `--dry-run --host http://${name} --password-stdin`;
    await expect(dev.client(words)).rejects.toMatchObject({ exitCode: 2 });
    expect(impostor.heard).toEqual([]);
  });

  test('a CA of the system store leaves nothing in certs.d: the earlier run is remembered', async () => {
    const registry = await serve({ tls: true });
    const dev = developer();
    dev.host.put('/etc/ssl/certs/ca-certificates.crt', ca.certPem);
    const name = `127.0.0.1:${registry.port}`;
    await dev.client(`--yes --host ${name}`, { env: GIVEN });
    await registry.close();
    const impostor = await serve({ port: registry.port });
    await expect(dev.client(`--yes --host http://${name}`)).rejects.toMatchObject({ exitCode: 2 });
    expect(impostor.heard).toEqual([]);
  });

  test('after --undo plain HTTP is used, if http:// is given', async () => {
    const { dev, name } = await downgraded();
    await dev.client(`--yes --host ${name} --undo`);
    expect(logins(dev.host)).toEqual({});
    await dev.client(`--yes --host http://${name}`, { env: GIVEN });
    expect(dev.daemon.insecure()).toEqual([name]);
  });

  test.each([
    ['/etc/docker/certs.d/NAME/ca.crt', ''],
    ['/root/.docker/certs.d/NAME/ca.crt', ''],
    ['/root/.config/docker/certs.d/NAME/ca.crt', ''],
    ['/var/snap/docker/current/etc/docker/certs.d/NAME/ca.crt', ''],
    ['/etc/containers/certs.d/NAME/corp.crt', ''],
    ['/root/.config/containers/certs.d/NAME/client.cert', ''],
    ['/etc/containerd/certs.d/NAME/ca.crt', ''],
    ['/etc/containerd/certs.d/NAME/hosts.toml', '[host."https://NAME"]\n  ca = "/etc/ssl/corp.pem"\n'],
    ['/etc/rancher/k3s/registry-setup/NAME/ca.crt', ''],
    ['/etc/rancher/k3s/registries.yaml', 'mirrors:\n  "NAME":\n    endpoint:\n      - https://NAME\n'],
  ])('%s, made by hand, is known as TLS, too', async (path, content) => {
    const impostor = await serve();
    const name = `127.0.0.1:${impostor.port}`;
    const dev = developer();
    dev.host.put(path.replace('NAME', name), content.replaceAll('NAME', name));
    keepLogin(dev.host, name);
    const refused = dev.client(`--yes --host http://${name} --target docker`);
    await expect(refused).rejects.toMatchObject({
      exitCode: 2,
      why: expect.stringContaining(path.replace('NAME', name).replace(/\/[^/]*\.(crt|cert)$/, '')),
      fix: expect.not.arrayContaining([expect.stringContaining('--undo')]),
    });
    expect(impostor.heard).toEqual([]);
  });

  test('without root: only root can undo what root has joined', async () => {
    const impostor = await serve();
    const name = `127.0.0.1:${impostor.port}`;
    const dev = developer();
    dev.host.machine = { ...dev.host.machine, uid: 1000 };
    dev.host.put(`/etc/docker/certs.d/${name}/ca.crt`, '');
    const fixOf = () => dev.client(`--yes --host ${name}`).catch(({ fix }) => fix.at(-1).trim());
    expect(await fixOf()).toBe(`sudo rm -r /etc/docker/certs.d/${name}`);
    dev.host.put(`/var/lib/registry-setup/client/${name.replace(':', '_')}/.state/oldest.json`, '{}');
    expect(await fixOf()).toBe(`sudo registry-setup --client --host ${name} --undo`);
  });

  test('files of another registry in those places do not count', async () => {
    const registry = await serve();
    const name = `127.0.0.1:${registry.port}`;
    const dev = developer();
    dev.host.put('/etc/docker/certs.d/127.0.0.1:1/ca.crt', '');
    dev.host.put('/etc/rancher/k3s/registries.yaml', `endpoint: ["https://${name}0", "http://${name}"]\n`);
    await dev.client(`--yes --host http://${name}`, { env: GIVEN });
    expect(dev.daemon.insecure()).toEqual([name]);
  });
});

describe('plain HTTP on first contact', () => {
  test('is refused with --yes; the line that is shown works', async () => {
    const registry = await serve();
    const name = `127.0.0.1:${registry.port}`;
    const dev = developer();
    const before = stateOf(dev);
    const error = await dev.client(`--yes --host ${name} --user admin`, { env: GIVEN }).catch((e) => e);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(registry.heard).toEqual([]);
    expect(stateOf(dev)).toEqual(before);
    const line = `registry-setup --client --yes --host http://${name} --user admin`;
    expect(error.fix).toContain(`  ${line}`);
    await dev.client(line.replace('registry-setup --client ', ''), { env: GIVEN });
    expect(dev.daemon.insecure()).toEqual([name]);
  });

  test('without --yes and without a terminal no password is sent, also with http://', async () => {
    const registry = await serve();
    const words = `--host http://127.0.0.1:${registry.port}`;
    await expect(developer().client(words, { env: GIVEN })).rejects.toThrow('no terminal to confirm on');
    expect(registry.heard).toEqual([]);
  });

  test('a dry run sends no password, given or kept, and says so', async () => {
    const registry = await serve();
    const name = `127.0.0.1:${registry.port}`;
    const dev = developer();
    const { heard } = await dev.client(`--dry-run --host http://${name}`, { env: GIVEN });
    expect(heard).toContain('  The login is not tried: a dry run sends no password.');
    expect(heard.join('\n')).toMatch(
      /in clear(.|\n)*insecure-registries(.|\n)*docker login --username admin/,
    );
    keepLogin(dev.host, name);
    await dev.client(`--dry-run --yes --host http://${name}`).catch(() => {});
    expect(registry.heard).toEqual([]);
  });

  test('at a terminal: asks, and Enter means no', async () => {
    const registry = await serve();
    const name = `127.0.0.1:${registry.port}`;
    const dev = developer();
    const before = stateOf(dev);
    const enter = scripted();
    await expect(dev.client(`--host ${name}`, { prompts: enter })).rejects.toMatchObject({ exitCode: 2 });
    expect(enter.transcript).toEqual([expect.stringMatching(/without TLS.* = no$/)]);
    expect(stateOf(dev)).toEqual(before);

    const prompts = willing();
    await dev.client(`--host ${name}`, { prompts });
    expect(prompts.transcript).toEqual([
      expect.stringMatching(/without TLS.* = yes/),
      'Go ahead? = yes',
      'Log in as = admin',
      expect.stringMatching(/Password of admin/),
    ]);
    expect(dev.daemon.insecure()).toEqual([name]);
  });

  test('at a terminal: a user who does not go ahead has sent no password', async () => {
    const registry = await serve();
    const dev = developer();
    const prompts = scripted(['Go ahead', false]);
    const words = `--host http://127.0.0.1:${registry.port} --user admin`;
    await expect(dev.client(words, { prompts, env: GIVEN })).rejects.toThrow('Nothing was changed.');
    expect(registry.heard).toEqual([]);
  });
});

describe('a login that is kept', () => {
  test('for TLS is never sent in clear: it must be removed first, or replaced by a given one', async () => {
    const registry = await serve();
    const name = `127.0.0.1:${registry.port}`;
    const dev = developer();
    keepLogin(dev.host, name, 'admin', 'kept for TLS');
    const before = stateOf(dev);
    await expect(dev.client(`--yes --host http://${name}`)).rejects.toMatchObject({
      exitCode: 2,
      fix: expect.arrayContaining([`  docker logout ${name}`]),
    });
    expect(stateOf(dev)).toEqual(before);
    await dev.client(`--yes --host http://${name}`, { env: GIVEN });
    expect(registry.heard).not.toEqual([]);
    expect(registry.heard.filter((word) => word !== `admin:${PASSWORD}`)).toEqual([]);
  });

  test('in a credential helper, or under an older key of the registry, counts as well', async () => {
    const registry = await serve();
    const name = `127.0.0.1:${registry.port}`;
    for (const [kept, value] of [
      [name, {}],
      [`https://${name}/v1/`, { auth: 'eDp5' }],
    ] as const) {
      const dev = developer();
      dev.host.put(CONFIG, JSON.stringify({ auths: { [kept]: value } }));
      const refused = dev.client(`--yes --host http://${name}`);
      await expect(refused).rejects.toThrow('would travel in clear');
    }
  });

  test('of an earlier run over plain HTTP is used again, without http://', async () => {
    const registry = await serve();
    const name = `127.0.0.1:${registry.port}`;
    const dev = developer();
    await dev.client(`--yes --host http://${name}`, { env: GIVEN });
    registry.heard.length = 0;
    const { documents } = await dev.client(`--yes --host ${name}`);
    expect(documents).toMatchObject([{ ok: true, changed: [], user: 'admin' }]);
    expect(registry.heard).toContain(`admin:${PASSWORD}`);
  });

  test('is sent to the registry alone, and to no other host that it names', async () => {
    const registry = await serve();
    const { port } = registry;
    const dev = developer();
    await dev.client(`--yes --host http://127.0.0.1:${port}`, { env: GIVEN });
    await registry.close();
    const other = await serve();
    const challenge = `Bearer realm="http://localhost:${other.port}/auth",service="x"`;
    const again = await serve({ port, challenge });
    await dev.client(`--yes --host 127.0.0.1:${port}`);
    expect([...other.heard, ...again.heard]).toEqual([]);
  });
});

test('from plain HTTP to TLS: one run, and from then on plain HTTP is refused', async () => {
  const port = await freePort();
  const plain = await serve({ port });
  const name = `127.0.0.1:${port}`;
  const dev = developer();
  await dev.client(`--yes --host http://${name}`, { env: GIVEN });
  await plain.close();

  const registry = await serve({ tls: true, port });
  await dev.client(`--yes --host ${name} --ca-fingerprint ${fingerprint}`);
  expect(registry.heard, 'the login is kept').toContain(`admin:${PASSWORD}`);
  expect(dev.daemon.insecure()).toEqual([]);
  await registry.close();

  const impostor = await serve({ port });
  await expect(dev.client(`--yes --host http://${name}`)).rejects.toMatchObject({ exitCode: 2 });
  expect(impostor.heard).toEqual([]);
  await dev.client(`--yes --host ${name} --undo`);
  expect(await dev.host.list('/var/lib')).toEqual([]);
});

test('podman, from plain HTTP to TLS: it gets the password when it may no longer go without TLS', async () => {
  const port = await freePort();
  const plain = await serve({ port });
  const name = `127.0.0.1:${port}`;
  const { host, client } = developer();
  for (const path of ['/usr/bin/docker', '/usr/bin/dockerd']) await host.remove(path);
  host.put('/usr/bin/podman', '', 0o755);
  host.commands['podman --version'] = { stdout: 'podman version 5.4.2' };
  host.commands['podman pull'] = { code: 125, stderr: 'manifest unknown' };
  const permitted: boolean[] = [];
  const { run } = host;
  host.run = async (command, args, options) => {
    if (args[0] !== 'login') return run(command, args, options);
    const files = await host.list('/etc/containers/registries.conf.d');
    permitted.push(
      files.some((file) => host.text(`/etc/containers/registries.conf.d/${file}`)?.includes(name)),
    );
    const auth = Buffer.from(`${args[2]}:${options?.input}`).toString('base64');
    host.put('/run/containers/0/auth.json', JSON.stringify({ auths: { [name]: { auth } } }));
    return { code: 0, stdout: '', stderr: '' };
  };
  await client(`--yes --host http://${name}`, { env: GIVEN });
  await plain.close();
  await serve({ tls: true, port });
  host.put('/run/containers/0/auth.json', '{}');
  await client(`--yes --host ${name} --ca-fingerprint ${fingerprint}`, { env: GIVEN });
  expect(permitted).toEqual([true, false]);
});
