// A backup and its restore by the built program: real files, real registries; of the engine only the container is left out.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { realHost } from '../../src/host/this-host.ts';
import { readManifest } from '../../src/images/manifest.ts';
import { digest, pushBlob } from '../../src/registry/api.ts';
import type { Credentials, Endpoint } from '../../src/registry/http.ts';
import { call } from '../../src/registry/token.ts';
import { Secret } from '../../src/secret.ts';
import { readBackup } from '../../src/server/maintenance/backup/read.ts';
import { type Machine, runProgram, startProgram, temporaryMachine } from '../helpers/program.ts';
import { freePort, noRegistry } from '../helpers/registry-program.ts';
import { packedBytes, sampleStorage } from '../helpers/sample-storage.ts';

/** A registry, and who pushes to it. */
type Place = Endpoint & { credentials: Credentials | undefined };
const OCI = 'application/vnd.oci.image';

const flags = (machine: Machine, port: number) => [
  ...['--yes', '--host', 'localhost', '--bind', '127.0.0.1', '--tls', 'insecure'],
  ...['--dir', machine.dir, '--port', `${port}`],
];
const endpoint = (port: number, password?: string): Place => ({
  tls: false,
  host: 'localhost',
  port,
  connectTo: '127.0.0.1',
  credentials: password === undefined ? undefined : { user: 'admin', password: new Secret(password) },
});
const out = (ran: { stdout: string; stderr: string }) => ran.stdout + ran.stderr;

async function push(at: Place, repository: string, reference: string, type: string, manifest: object) {
  const body = JSON.stringify({ schemaVersion: 2, mediaType: type, ...manifest });
  const headers = { 'content-type': type };
  const reply = await call(at, 'PUT', `/v2/${repository}/manifests/${reference}`, {
    credentials: at.credentials,
    headers,
    body,
  });
  expect(reply.status, reply.body.toString()).toBe(201);
  return { mediaType: type, digest: digest(body), size: body.length };
}

async function blob(at: Place, repository: string, mediaType: string, content: string) {
  await pushBlob(at, repository, content, at.credentials);
  return { mediaType, digest: digest(content), size: content.length };
}

/** An index of an image and its attestation, a signature that no tag leads to, and a second tag. */
async function fill(at: Place) {
  const image = async (repository: string, text: string, more = {}) => {
    const config = await blob(
      at,
      repository,
      `${OCI}.config.v1+json`,
      JSON.stringify({ os: 'linux', architecture: 'amd64', text }),
    );
    const layers = [await blob(at, repository, `${OCI}.layer.v1.tar`, text.repeat(1000))];
    return { config, layers, ...more };
  };
  const type = `${OCI}.manifest.v1+json`;
  const content = await image('team/app', 'one');
  const own = digest(JSON.stringify({ schemaVersion: 2, mediaType: type, ...content }));
  const app = await push(at, 'team/app', own, type, content);
  const attested = await image('team/app', 'attestation');
  const attestation = await push(
    at,
    'team/app',
    digest(JSON.stringify({ schemaVersion: 2, mediaType: type, ...attested })),
    type,
    attested,
  );
  const index = await push(at, 'team/app', '1.0', `${OCI}.index.v1+json`, {
    manifests: [
      { ...app, platform: { os: 'linux', architecture: 'amd64' } },
      { ...attestation, platform: { os: 'unknown', architecture: 'unknown' } },
    ],
  });
  const signed = await image('team/app', 'signature', { subject: index });
  const signature = await push(
    at,
    'team/app',
    digest(JSON.stringify({ schemaVersion: 2, mediaType: type, ...signed })),
    type,
    signed,
  );
  const other = await push(at, 'other', 'latest', type, await image('other', 'two'));
  return { app, attestation, index, signature, other };
}

const get = async (at: Place, path: string) => {
  const accept = `${OCI}.index.v1+json, ${OCI}.manifest.v1+json, */*`;
  const { status, body, headers } = await call(at, 'GET', path, {
    credentials: at.credentials,
    headers: { accept },
  });
  return { status, digest: digest(body), told: headers['docker-content-digest'] };
};

/**
 * A machine whose registry holds images.
 * @param login a password that is chosen; a registry checks a generated one in a twentieth of the time, at each request
 */
async function filled(login: 'none' | 'generated' | { password: string } = 'generated') {
  const machine = temporaryMachine({ serves: true });
  const port = await freePort();
  const chosen = typeof login === 'object' ? login.password : undefined;
  const words = chosen ? ['--password-stdin'] : login === 'none' ? ['--auth', 'none'] : [];
  const ran = await runProgram([...flags(machine, port), ...words], machine, chosen && `${chosen}\n`);
  expect(ran.code, ran.stderr).toBe(0);
  const generated = () =>
    /^admin:(.*)$/m.exec(readFileSync(join(machine.dir, 'generated-passwords'), 'utf8'))?.[1];
  const at = endpoint(port, login === 'none' ? undefined : (chosen ?? generated()));
  return { machine, port, at, images: await fill(at) };
}

describe.skipIf(noRegistry)('with a real registry', () => {
  test('a round trip: the same digests, users, keys and times', async () => {
    const { machine, at, images } = await filled({ password: 'geheim' });
    const file = join(machine.place, 'registry.backup');
    const made = await runProgram(['backup', file, '--dir', machine.dir, '--json'], machine);
    expect(made.code, made.stderr).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({
      ok: true,
      checked: true,
      images: 2,
      repositories: 2,
      encrypted: false,
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(machine.place).filter((name) => name.includes('.tmp'))).toEqual([]);
    const before = await get(at, '/v2/team/app/manifests/1.0');

    const other = temporaryMachine({ serves: true });
    const port = await freePort();
    const words = ['restore', file, '--dir', other.dir, '--port', `${port}`, '--yes'];
    const dry = await runProgram([...words, '--dry-run'], other);
    expect(dry.code, dry.stderr).toBe(0);
    expect(existsSync(join(other.place, 'srv'))).toBe(false);
    const restored = await runProgram(words, other);
    expect(restored.code, restored.stderr).toBe(0);
    expect(out(restored)).toContain('2 images are served, each with its digest');
    const there = endpoint(port, 'geheim');
    expect(await get(there, '/v2/team/app/manifests/1.0')).toEqual(before);
    for (const { digest: wanted } of [images.app, images.attestation, images.index, images.signature])
      expect(await get(there, `/v2/team/app/manifests/${wanted}`)).toMatchObject({
        status: 200,
        digest: wanted,
      });
    for (const path of ['auth/htpasswd', 'settings.yml'])
      expect(
        readFileSync(join(other.dir, path), 'utf8')
          .replaceAll(`${port}`, 'PORT')
          .replaceAll(other.dir, 'DIR'),
      ).toBe(
        readFileSync(join(machine.dir, path), 'utf8')
          .replaceAll(`${at.port}`, 'PORT')
          .replaceAll(machine.dir, 'DIR'),
      );
    expect(out(restored)).not.toContain('geheim');
    const link = 'data/docker/registry/v2/repositories/team/app/_manifests/tags/1.0/current/link';
    const [then, now] = [machine, other].map(({ dir }) => Math.floor(statSync(join(dir, link)).mtimeMs));
    // The system keeps parts of a millisecond, a number of Node not all of them.
    expect(Math.abs((now as number) - (then as number)), 'rules about age count from the push').toBeLessThan(
      5,
    );

    const again = await runProgram(['restore', file, '--dir', other.dir, '--yes'], other);
    expect(again.code).toBe(2);
    const gone = await runProgram(['uninstall', '--yes', '--purge', '--dir', other.dir], other);
    expect(gone.code, gone.stderr).toBe(0);
    expect(existsSync(join(other.place, 'srv'))).toBe(false);
  });

  test('with a passphrase, into a directory: refused without it, and with another one', async () => {
    const { machine } = await filled();
    const backups = join(machine.place, 'backups');
    const [right, wrong] = [join(machine.place, 'right'), join(machine.place, 'wrong')];
    writeFileSync(right, 'ein langer Satz\n');
    writeFileSync(wrong, 'ein anderer Satz\n');
    const words = ['backup', '--to', backups, '--dir', machine.dir, '--json', '--passphrase-file', right];
    const first = JSON.parse((await runProgram(words, machine)).stdout) as { newBlobs: number };
    const second = JSON.parse((await runProgram(words, machine)).stdout) as { newBlobs: number };
    expect([first.newBlobs > 0, second.newBlobs]).toEqual([true, 0]);

    const other = temporaryMachine({ serves: true });
    const restore = ['restore', backups, '--dir', other.dir, '--port', `${await freePort()}`, '--yes'];
    const none = await runProgram(restore, other);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('it is encrypted') });
    const bad = await runProgram([...restore, '--passphrase-file', wrong], other);
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('the passphrase is not the one') });
    expect(existsSync(join(other.place, 'srv'))).toBe(false);
    const good = await runProgram([...restore, '--passphrase-stdin'], other, 'ein langer Satz\n');
    expect(good.code, good.stderr).toBe(0);
    for (const ran of [none, bad, good]) expect(out(ran)).not.toMatch(/langer Satz|anderer Satz/);
  });

  test('killed while the registry starts: the next run removes the images and everything else', async () => {
    const { machine } = await filled();
    const file = join(machine.place, 'a.backup');
    expect((await runProgram(['backup', file, '--dir', machine.dir], machine)).code).toBe(0);
    const other = temporaryMachine({ serves: true });
    const words = ['restore', file, '--dir', other.dir, '--port', `${await freePort()}`, '--yes'];
    const killed = startProgram(words, { env: { ...other.env, FAKE_DOCKER_HANGS: 'run' } });
    while (!other.told().some((line) => line.startsWith('run '))) await sleep(20);
    expect(existsSync(join(other.dir, 'data/docker/registry/v2/repositories/team/app'))).toBe(true);
    killed.kill('SIGKILL');
    await killed.result;

    const status = await runProgram(['status', '--dir', other.dir], other);
    expect(status.code).not.toBe(0);
    const again = await runProgram(words, other);
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('was interrupted. Undoing what it had done');
    expect(again.stderr).toContain('2 images are served');
  });

  test('a registry that does not start: nothing of the restore is left', async () => {
    const { machine } = await filled();
    const file = join(machine.place, 'a.backup');
    expect((await runProgram(['backup', file, '--dir', machine.dir], machine)).code).toBe(0);
    const other = temporaryMachine({ serves: true });
    Object.assign(other.env, { FAKE_DOCKER_REGISTRY: '/bin/echo' });
    const words = ['restore', file, '--dir', other.dir, '--port', `${await freePort()}`, '--yes'];
    const failed = await runProgram(words, other);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('Everything was put back') });
    expect(existsSync(join(other.place, 'srv'))).toBe(false);
  });

  test('a backup that is killed leaves a part, which the next one removes; a file is not replaced unasked', async () => {
    const { machine } = await filled();
    sampleStorage(join(machine.dir, 'data')).image('large', packedBytes(120_000_000), '1');
    const file = join(machine.place, 'a.backup');
    const parts = () => readdirSync(machine.place).filter((name) => name.endsWith('.tmp'));
    const words = ['backup', file, '--dir', machine.dir];
    const killed = startProgram(words, machine);
    while (parts().length === 0) await sleep(2);
    killed.kill('SIGKILL');
    await killed.result;
    expect(existsSync(file)).toBe(false);
    expect(parts()).toHaveLength(1);
    const second = await runProgram(words, machine);
    expect(second.code, second.stderr).toBe(0);
    expect(parts()).toEqual([]);
    const third = await runProgram(words, machine);
    expect(third).toMatchObject({ code: 2, stderr: expect.stringContaining(`backup --yes ${file}`) });
  });

  test('while somebody pushes: every manifest in the backup has its parts', async () => {
    // Without logins, which take longer than a push.
    const { machine, at } = await filled('none');
    let pushes = 0;
    let goesOn = true;
    const pushing = (async () => {
      for (; goesOn; pushes++) {
        const text = `push ${pushes}`;
        const config = await blob(at, 'busy', `${OCI}.config.v1+json`, JSON.stringify({ text }));
        const layers = [await blob(at, 'busy', `${OCI}.layer.v1.tar`, text)];
        await push(at, 'busy', `${pushes}`, `${OCI}.manifest.v1+json`, { config, layers });
      }
    })();
    const file = join(machine.place, 'a.backup');
    const made = await runProgram(['backup', file, '--dir', machine.dir], machine);
    goesOn = false;
    await pushing;
    expect(made.code, made.stderr).toBe(0);
    expect(pushes).toBeGreaterThan(5);
    const bodies = new Map<string, Buffer>();
    const { contents } = await readBackup(realHost(), file, {
      passphrase: async () => undefined,
      blob: async ({ sha256, chunks }) => {
        const parts: Buffer[] = [];
        for await (const chunk of chunks) parts.push(chunk);
        bodies.set(`sha256:${sha256}`, Buffer.concat(parts));
      },
    });
    for (const { manifests } of contents.repositories)
      for (const { digest: wanted } of manifests) {
        const body = bodies.get(wanted) as Buffer;
        const { config, layers, children } = readManifest({ digest: wanted, type: '', body });
        for (const part of [...(config ? [config] : []), ...layers, ...children])
          expect(bodies.has(part.digest)).toBe(true);
      }
  });

  test('to standard output, from a registry whose engine has ended', async () => {
    const { machine } = await filled();
    // Its docker says nothing but an error.
    const { FAKE_DOCKER: _, ...env } = machine.env;
    const json = await runProgram(['backup', '-', '--dir', machine.dir, '--json'], { env });
    expect(json).toMatchObject({ code: 2, stderr: expect.stringContaining('--json') });
    const file = join(machine.place, 'a.backup');
    const line = `registry-setup backup - --dir ${machine.dir} >${file}`;
    const { status, stderr } = spawnSync('sh', ['-c', line], { env, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const { contents } = await readBackup(realHost(), file, { passphrase: async () => undefined });
    expect(contents.repositories.map(({ name }) => name)).toEqual(['other', 'team/app']);
    const none = await runProgram(['backup', '--dir', machine.dir], { env });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('--to DIR') });
  });
});
