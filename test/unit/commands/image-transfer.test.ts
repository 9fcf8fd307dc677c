// `image save`, `load` and `copy` as a user calls them, with real registries.
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { image } from '../../../src/commands/image.ts';
import type { Context } from '../../../src/context.ts';
import { CliError } from '../../../src/errors.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { documentIn } from '../../../src/images/transfer/whole.ts';
import type { Endpoint } from '../../../src/registry/http.ts';
import { openSession } from '../../../src/registry/session.ts';
import { readArguments } from '../../../src/settings/arguments.ts';
import { breakingProxy } from '../../helpers/breaking-proxy.ts';
import { dockerHub } from '../../helpers/docker-hub.ts';
import { putImage } from '../../helpers/images.ts';
import { listening } from '../../helpers/listening.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';
import { silent } from '../../helpers/run.ts';
import { savedImages } from '../../helpers/tar.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

interface Options {
  home?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
}

/** Runs a command line of `image`, as somebody without any login and without a registry of their own. */
async function run(
  line: string,
  { home = temporaryDirectory(), env = {}, signal = new AbortController().signal }: Options = {},
) {
  const { operands, answers } = readArguments(['image', ...line.split(' ')]);
  const output = silent();
  const host = realHost(signal);
  const context: Context = {
    answers: { dir: { value: join(home, 'none'), where: '--dir' }, ...answers },
    operands,
    line: `registry-setup image ${line}`,
    host,
    uninterruptible: realHost(),
    output,
    signal,
    env: { HOME: home, ...env },
    prompts: async () => {
      throw new Error('a question was asked where nobody is');
    },
  };
  await image(context);
  return output;
}
const failure = (line: string, options?: Options): Promise<CliError> =>
  run(line, options).then(
    () => expect.unreachable(),
    (error) => error as CliError,
  );

const url = ({ port }: Endpoint) => `http://127.0.0.1:${port}`;
const at = (endpoint: Endpoint) => `--host ${url(endpoint)}`;
const digestOf = async (endpoint: Endpoint, repository: string, reference = '1.0') => {
  const session = openSession(endpoint, 'x', { kind: 'login', credentials: undefined }, undefined);
  return (await documentIn(session, repository, reference))?.digest;
};

describe.skipIf(noRegistry)('image save', () => {
  test('writes a file that everybody may read, and replaces one only with --yes', async () => {
    const { at: registry } = await startRegistry();
    await putImage(registry, 'team/app', '1.0', { layers: ['base'] });
    const file = join(temporaryDirectory(), 'app.tar');
    await run(`save team/app:1.0 ${file} ${at(registry)}`);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    writeFileSync(file, 'mine');
    const refused = await failure(`save team/app:1.0 ${file} ${at(registry)}`);
    expect(refused).toMatchObject({ exitCode: 2 });
    expect(statSync(file).size).toBe(4);
    await run(`save team/app:1.0 ${file} --yes ${at(registry)}`);
    expect(statSync(file).size).toBeGreaterThan(1_000);
  });

  test('leaves nothing behind after Ctrl-C', async () => {
    const { at: registry } = await startRegistry();
    await putImage(registry, 'team/app', '1.0', { layers: ['x'.repeat(3_000_000)] });
    const folder = temporaryDirectory();
    const controller = new AbortController();
    // It comes when the file is there already.
    const proxy = await breakingProxy(registry, ({ path }) => {
      if (path.includes('/blobs/') && readdirSync(folder).length > 0) controller.abort();
      return undefined;
    });
    const line = `save team/app:1.0 ${join(folder, 'app.tar')} ${at(proxy.at)}`;
    expect(await failure(line, { signal: controller.signal })).toMatchObject({ exitCode: 130 });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('of an image that is not there names the nearest, and writes nothing', async () => {
    const { at: registry } = await startRegistry();
    await putImage(registry, 'team/app', '1.0', { layers: ['base'] });
    const file = join(temporaryDirectory(), 'app.tar');
    const error = await failure(`save team/app:1.1 ${file} ${at(registry)}`);
    expect(error.fix.join()).toContain('team/app:1.0');
    expect(existsSync(file)).toBe(false);
  });

  test.each(['a directory', 'below no directory'])('is refused: %s', async (what) => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'there'));
    const file = what === 'a directory' ? join(folder, 'there') : join(folder, 'none/app.tar');
    expect(await failure(`save team/app:1.0 ${file} --host 127.0.0.1:1`)).toMatchObject({ exitCode: 2 });
  });
});

describe.skipIf(noRegistry)('image load', () => {
  const archived = (bytes: Buffer) => {
    const file = join(temporaryDirectory(), 'app.tar');
    writeFileSync(file, bytes);
    return file;
  };

  test('takes the names in the file without their registry, or the name that is given', async () => {
    const [{ at: from }, { at: to }] = [await startRegistry(), await startRegistry()];
    const { digest } = await putImage(from, 'team/app', '1.0', { layers: ['base'] });
    const file = join(temporaryDirectory(), 'app.tar');
    await run(`save team/app:1.0 ${file} ${at(from)}`);
    const { documents } = await run(`load ${file} ${at(to)}`);
    expect(documents[0]).toMatchObject({
      images: [{ targets: [{ repository: 'team/app', tag: '1.0' }], digest, newDigest: false }],
    });
    expect(await digestOf(to, 'team/app')).toBe(digest);
    await run(`load ${file} other/name:2 ${at(to)}`);
    expect(await digestOf(to, 'other/name', '2')).toBe(digest);
  });

  test('with --dry-run sends nothing', async () => {
    const [{ at: from }, { at: to }] = [await startRegistry(), await startRegistry()];
    await putImage(from, 'team/app', '1.0', { layers: ['base'] });
    const file = join(temporaryDirectory(), 'app.tar');
    await run(`save team/app:1.0 ${file} ${at(from)}`);
    const { documents } = await run(`load ${file} --dry-run ${at(to)}`);
    expect(documents[0]?.missing).toHaveLength(2);
    expect(await digestOf(to, 'team/app')).toBeUndefined();
  });

  test.each([
    ['no such file', () => '/tmp/registry-setup-test-none.tar', ''],
    ['a directory', () => temporaryDirectory(), ''],
    ['no archive', () => archived(Buffer.from('text')), ''],
    ['one name for two images', () => archived(savedImages('a:1')), 'x/y@sha256:1'],
  ])('is refused with exit 2: %s', async (_, make, ref) => {
    const { at: to } = await startRegistry();
    expect(await failure(`load ${make()} ${ref} ${at(to)}`.replace(/ +/g, ' '))).toMatchObject({
      exitCode: 2,
    });
  });
});

describe.skipIf(noRegistry)('image copy', () => {
  /** A proxy that refuses everything, and tells what was wanted. */
  async function deadProxy() {
    const wanted: string[] = [];
    const server = createServer();
    server.on('connect', (request, socket) => {
      wanted.push(request.url ?? '');
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    return { env: { HTTPS_PROXY: `http://127.0.0.1:${await listening(server)}` }, wanted };
  }

  test('from another registry to that of --host, and the other way round', async () => {
    const [{ at: near }, { at: far }] = [await startRegistry(), await startRegistry()];
    const { digest } = await putImage(far, 'x/y', '1.0', { layers: ['base'] });
    await run(`copy ${url(far)}/x/y:1.0 team/app:1.0 ${at(near)}`);
    expect(await digestOf(near, 'team/app')).toBe(digest);
    // A name without a registry is in the one of --host if the target is elsewhere.
    await run(`copy team/app:1.0 ${url(far)}/back/app:2 ${at(near)}`);
    expect(await digestOf(far, 'back/app', '2')).toBe(digest);
  });

  test('between two registries needs none here', async () => {
    const [{ at: one }, { at: two }] = [await startRegistry(), await startRegistry()];
    const { digest } = await putImage(one, 'x/y', '1.0', { layers: ['base'] });
    await run(`copy ${url(one)}/x/y:1.0 ${url(two)}/x/y`);
    expect(await digestOf(two, 'x/y', 'latest')).toBe(digest);
  });

  test('of a name without a registry takes it here if it is here, else from Docker Hub; and says so', async () => {
    const { at: near } = await startRegistry();
    const { digest } = await putImage(near, 'team/app', '1.0', { layers: ['base'] });
    const { heard } = await run(`copy team/app:1.0 team/app:stable ${at(near)}`);
    expect(heard[0]).toBe(`team/app:1.0 is taken from 127.0.0.1:${near.port}.`);
    expect(await digestOf(near, 'team/app', 'stable')).toBe(digest);
    const { env, wanted } = await deadProxy();
    const error = await failure(`copy alpine:3 base/alpine:3 ${at(near)}`, { env });
    expect(wanted[0]).toBe('registry-1.docker.io:443');
    expect(error.fix.join()).toContain('Docker Hub');
    // It is not copied onto itself.
    wanted.length = 0;
    await failure(`copy team/app:1.0 team/app:1.0 ${at(near)}`, { env });
    expect(wanted[0]).toBe('registry-1.docker.io:443');
  });

  test('from Docker Hub goes through the proxy, with the login of docker; the host of the blobs gets none', async () => {
    const [{ at: near }, { at: images }] = [await startRegistry(), await startRegistry()];
    const { digest } = await putImage(images, 'library/alpine', '3', { layers: ['base'] });
    const hub = await dockerHub(images, 'ann:pw');
    const home = temporaryDirectory();
    const auths = { 'https://index.docker.io/v1/': { auth: Buffer.from('ann:pw').toString('base64') } };
    mkdirSync(join(home, '.docker/certs.d/docker.io'), { recursive: true });
    writeFileSync(join(home, '.docker/certs.d/docker.io/ca.crt'), hub.ca);
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ auths }));
    const { heard } = await run(`copy alpine:3 base/alpine:3 ${at(near)}`, {
      home,
      env: { HTTPS_PROXY: hub.proxy },
    });
    expect(heard[0]).toBe('alpine:3 is taken from Docker Hub: docker.io/library/alpine:3.');
    expect(await digestOf(near, 'base/alpine', '3')).toBe(digest);
    const of = (host: string) => hub.heard.filter((line) => line.startsWith(host));
    expect(of('auth.docker.io').every((line) => line.endsWith('Basic'))).toBe(true);
    expect(of('cdn.docker.test')).toHaveLength(2);
    expect(of('cdn.docker.test').every((line) => line.endsWith(' -'))).toBe(true);
  });

  test('with --dry-run lists what would be sent, and sends nothing; twice has nothing to do', async () => {
    const [{ at: one }, { at: two }] = [await startRegistry(), await startRegistry()];
    await putImage(one, 'x/y', '1.0', { layers: ['base'] });
    const line = `copy ${url(one)}/x/y:1.0 ${url(two)}/x/y:1.0`;
    const { documents } = await run(`${line} --dry-run`);
    expect(documents[0]).toMatchObject({ dryRun: true, isThere: false, missing: [{}, { bytes: 4 }] });
    expect(await digestOf(two, 'x/y')).toBeUndefined();
    await run(line);
    expect((await run(line)).documents[0]).toMatchObject({ ok: true, changed: false });
  });

  /** Answers everything with one status. */
  const answering = async (status: number, code: string) =>
    listening(
      createServer(({ url: path }, reply) =>
        path === '/v2/'
          ? reply.writeHead(200).end('{}')
          : reply.writeHead(status).end(JSON.stringify({ errors: [{ code, message: code }] })),
      ),
    );

  test.each([
    [429, 'TOOMANYREQUESTS', 'docker login'],
    [401, 'UNAUTHORIZED', 'docker login'],
    [404, 'MANIFEST_UNKNOWN', 'image list'],
  ])('of a source that answers %i gives the way out', async (status, code, fix) => {
    const { at: near } = await startRegistry();
    const port = await answering(status, code);
    const error = await failure(`copy http://127.0.0.1:${port}/x/y:1.0 x/y:1 ${at(near)}`);
    expect(error).toBeInstanceOf(CliError);
    expect(error.fix.join()).toContain(fix);
  });

  test.each(['x/y@sha256:12', 'X/y:1', `x/y@sha256:${'a'.repeat(64)}`])(
    'to %s is refused with exit 2',
    async (target) => {
      expect(await failure(`copy team/app:1.0 ${target} --host 127.0.0.1:1`)).toMatchObject({ exitCode: 2 });
    },
  );
});
