// What comes after the set-up: lists, removals, collections, on every engine and both registries; nothing is lost, and nothing is left.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { partsOf, readerOf } from '../../../src/images/contents.ts';
import { repositoriesOf } from '../../../src/images/inventory.ts';
import { leavesOf } from '../../../src/images/select.ts';
import { openSession } from '../../../src/registry/session.ts';
import { Secret } from '../../../src/secret.ts';
import { type At, putImage, putIndex } from '../../helpers/images.ts';
import {
  createNetwork,
  type Flavour,
  type Host,
  type LabImage,
  removeAll,
  startHost,
} from '../../lab/host.ts';
import { PASSWORD, setUp } from '../helpers/clients.ts';
import { KILL, trapDocker } from '../helpers/faults.ts';
import { install, pull, push, refused, run, until } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 });

interface Case {
  title: string;
  flavour: Flavour;
  images: LabImage[];
  flags: string;
  /** The registry deletes a tag by itself. */
  untag: boolean;
}

const CASES: Case[] = [
  {
    title: 'Docker, registry 3, htpasswd',
    flavour: 'trixie',
    images: ['registry:3'],
    flags: '',
    untag: true,
  },
  {
    title: 'podman, registry 2, tokens',
    flavour: 'trixie-podman',
    images: ['registry:2', 'cesanta/docker_auth:1'],
    flags: '--auth token --image registry:2',
    untag: false,
  },
  {
    title: 'the machine itself, without a login',
    flavour: 'trixie-bare',
    images: [],
    flags: '--engine native --auth none',
    untag: false,
  },
];

describe.each(CASES)('$title', ({ title, flavour, images, flags, untag }) => {
  let server: Host;
  let dev: Host;
  let name: string;
  let at: At;
  let kept: string | undefined;
  beforeAll(async () => {
    const network = await createNetwork(`day-${flavour}`);
    [server, dev] = await Promise.all([
      startHost({ flavour, name: `srv-${flavour}`, network, images }),
      startHost({ flavour: 'trixie', name: `dev-${flavour}`, network, images: ['lab/hello:1'] }),
    ]);
    await Promise.all([install(server), install(dev)]);
    const login = !flags.includes('none');
    if (login) await run(dev, await setUp(server, flags), { input: PASSWORD });
    else {
      const { stderr } = await run(server, `--yes ${flags}`);
      await run(dev, `${/npx registry-setup (--client .*)/.exec(stderr)?.[1]} --yes`);
    }
    name = `${server.ip}:5000`;
    at = {
      tls: true,
      host: server.ip,
      port: 5000,
      ca: [(await server.sh('cat /opt/registry/certs/ca.crt')).stdout],
      ...(login && { credentials: { user: 'admin', password: new Secret(PASSWORD) } }),
    };
    kept = await push(dev, `${name}/hello:1`);
    await push(dev, `${name}/hello:latest`);
    const base = 'b'.repeat(20_000);
    for (const [tag, layer] of [
      ['1.0', 'one'],
      ['2.0', 'two'],
      ['stable', 'two'],
    ] as const)
      await putImage(at, 'team/app', tag, {
        layers: [base, layer],
        created: `2026-0${tag === '1.0' ? 1 : 6}-01T00:00:00Z`,
        docker: tag === '1.0',
      });
    const amd = await putImage(at, 'team/multi', undefined, {
      layers: [base, 'amd'],
      created: '2026-06-01T00:00:00Z',
    });
    const arm = await putImage(at, 'team/multi', undefined, { layers: ['arm'], architecture: 'arm64' });
    const attestation = await putImage(at, 'team/multi', undefined, {
      layers: ['{}'],
      architecture: 'unknown',
    });
    await putIndex(at, 'team/multi', '1', [
      [amd, 'amd64'],
      [arm, 'arm64'],
      [attestation, '-'],
    ]);
    for (const tag of ['pr-1', 'pr-2']) await putImage(at, 'ci/app', tag, { layers: [tag.repeat(5_000)] });
  });
  afterAll(removeAll);

  /** Everything that tags lead to, as a client sees it. */
  async function reached(): Promise<string[]> {
    const session = openSession(at, name, { kind: 'login', credentials: at.credentials }, undefined);
    const reader = readerOf(session);
    const leaves = await Promise.all((await repositoriesOf(reader)).map((one) => leavesOf(reader, one)));
    session.close();
    return [...partsOf(leaves.flat().flatMap(({ family }) => family)).keys()].sort();
  }
  const blobs = async () =>
    (await server.sh('find /opt/registry/data/docker/registry/v2/blobs -name data')).stdout
      .split('\n')
      .flatMap((path) => /\/([0-9a-f]{64})\/data$/.exec(path)?.[1] ?? [])
      .map((hex) => `sha256:${hex}`)
      .sort();
  const list = async (host: Host, words = '') =>
    JSON.parse((await run(host, `image list ${words} --json`)).stdout) as {
      repositories: { name: string; tags: { tag: string; digest: string; platforms: string[] }[] }[];
    };
  const tagsOf = ({ repositories }: Awaited<ReturnType<typeof list>>) =>
    repositories.flatMap((one) => one.tags.map(({ tag }) => `${one.name}:${tag}`));

  it('the server needs no password for its list, and a developer’s machine uses its login', async () => {
    const own = await list(server);
    expect(tagsOf(own)).toEqual([
      ...[
        'ci/app:pr-1',
        'ci/app:pr-2',
        'hello:1',
        'hello:latest',
        'team/app:1.0',
        'team/app:2.0',
        'team/app:stable',
        'team/multi:1',
      ],
    ]);
    expect(own.repositories.find((one) => one.name === 'hello')?.tags[0]?.digest).toBe(kept);
    expect(own.repositories.find((one) => one.name === 'team/multi')?.tags[0]?.platforms).toEqual([
      'linux/amd64',
      'linux/arm64',
    ]);
    expect(await list(dev, `--host ${server.ip}`)).toEqual(own);
    // Without --host it is the one registry that this machine was set up for. Two on the server do not wait for each other.
    expect(await Promise.all([list(dev), list(server), list(server)])).toEqual([own, own, own]);
    expect((await server.sh('cat /opt/registry/auth/htpasswd 2>/dev/null || true')).stdout).not.toContain(
      '_registry-setup',
    );
  });

  it('a removal takes what was named, and nothing that another tag needs', async () => {
    const { all } = await run(server, "image remove team/app:1.0 'ci/*:pr-*' team/multi:1 --yes");
    expect(all).toContain('Removed 4 tags of 3 repositories.');
    expect(tagsOf(await list(server))).toEqual([
      'hello:1',
      'hello:latest',
      'team/app:2.0',
      'team/app:stable',
    ]);
    if (untag) {
      await run(server, 'image remove team/app:stable --yes');
      expect(tagsOf(await list(server))).toEqual(['hello:1', 'hello:latest', 'team/app:2.0']);
    } else {
      expect(await refused(server, 2, 'image remove team/app:stable --yes')).toContain(
        'is the same image as',
      );
      expect(tagsOf(await list(server))).toContain('team/app:stable');
    }
  });

  // Elsewhere the removal of a repository collects, too, in the same window.
  const alone = chosen(CASES, ({ flags }) => flags === '').some((one) => one.title === title);
  if (alone)
    it('a collection frees exactly what nothing needs, and pulls go on', async () => {
      const { all } = await run(server, 'image gc --yes');
      expect(all).toMatch(/Freed \d+ kB: \d+ blobs/);
      expect(await blobs()).toEqual(await reached());
      expect(tagsOf(await list(server)).filter((tag) => /^(ci|team\/multi)/.test(tag))).toEqual([]);
      expect((await list(server)).repositories.map((one) => one.name)).toEqual(['hello', 'team/app']);
      await dev.sh(`docker rmi -f ${name}/hello:latest >/dev/null; docker pull -q ${name}/hello@${kept}`);
      expect(
        (await server.sh('grep -c readonly /opt/registry/config/config.yml || true')).stdout.trim(),
      ).toBe('0');
      await run(server, 'status');
    });

  it('a repository that is removed is gone from the list at once, and pushes go on', async () => {
    await run(server, 'image remove team/app --yes');
    expect((await list(server)).repositories.map((one) => one.name)).toEqual(['hello']);
    expect(await blobs()).toEqual(await reached());
    expect(await pull(dev, `${name}/hello:1`)).toBe(kept);
    expect(await push(dev, `${name}/again:1`)).toBe(kept);
    expect(await pull(dev, `${name}/again:1`)).toBe(kept);
  });
});

describe('a collection that is killed', () => {
  let server: Host;
  beforeAll(async () => {
    const network = await createNetwork('day-kills');
    server = await startHost({ flavour: 'trixie', name: 'srv-kills', network, images: ['registry:3'] });
    await install(server);
    await run(server, '--yes --auth none --tls insecure');
    const at: At = { tls: false, host: server.ip, port: 5000 };
    await putImage(at, 'kept', '1', { layers: ['kept'] });
    const gone = await putImage(at, 'gone', '1', { layers: ['gone'.repeat(1_000)] });
    await run(server, `image remove gone@${gone.digest} --yes`);
  });
  afterAll(removeAll);

  /** What the registry says to a delete: 405 while it is read-only. */
  const answer = async () =>
    (
      await server.sh(
        "curl -s -o /dev/null -w '%{http_code}' -X DELETE http://127.0.0.1:5000/v2/kept/manifests/no-such-tag",
        { check: false },
      )
    ).stdout;

  // The first collection waits for the pushes above; exec is also the look at what there is to free.
  it.each(chosen(['rename', 'create', 'stop', 'start'], (_, i) => i % 2 === 1))(
    'at docker %s: the next command makes it writable again',
    async (word) => {
      const { env } = await trapDocker(server, { at: word, after: KILL });
      await server.sh('registry-setup image gc --yes', { env, check: false });
      await run(server, 'image list');
      expect(await answer()).toBe('404');
      expect((await server.sh('docker ps -a --format "{{.Names}}"')).stdout.trim()).toBe('registry');
      expect(
        (await server.sh('grep -c readonly /opt/registry/config/config.yml || true')).stdout.trim(),
      ).toBe('0');
    },
  );

  it('in the middle of it: status tells of it, and the run at boot makes it writable again', async () => {
    const exec = 'if [ "$4" = garbage-collect ] && [ "$5" != --dry-run ]; then kill -9 $PPID; fi';
    const { env } = await trapDocker(server, { at: 'exec', before: exec });
    await server.sh('registry-setup image gc --yes', { env, check: false });
    await until(
      server,
      'test "$(curl -s -o /dev/null -w \'%{http_code}\' -X DELETE http://127.0.0.1:5000/v2/kept/manifests/none)" = 405',
    );
    expect((await server.sh('registry-setup status', { check: false })).stdout).toMatch(
      /interrupted; .* Until then the registry refuses pushes\./,
    );
    // As when the machine starts.
    await server.sh('systemctl start registry-setup-recover.service');
    expect(await answer()).toBe('404');
    expect((await run(server, 'image gc --yes')).all).toContain('Freed');
    expect((await run(server, 'image list --json')).stdout).toContain('"kept"');
  });

  it('rules of every night are carried out by a timer, told by status, and taken away again', async () => {
    const at: At = { tls: false, host: server.ip, port: 5000 };
    for (const [tag, month] of [
      ['old', 1],
      ['older', 2],
      ['new', 6],
    ] as const)
      await putImage(at, 'app', tag, { layers: [tag.repeat(2_000)], created: `2026-0${month}-01T00:00:00Z` });
    // On the server the last push counts, too: these were pushed long ago.
    await server.sh(`cd /opt/registry/data/docker/registry/v2/repositories/app/_manifests/tags
      touch -d '2026-01-01' old/current/link; touch -d '2026-02-01' older/current/link; touch -d '2026-06-01' new/current/link`);
    expect((await run(server, 'image prune --keep-last 2 --dry-run')).stdout).toMatch(/Removes +app:old /);
    await run(server, 'image prune --keep-last 2 --nightly --yes');
    expect((await server.sh('cat /opt/registry/settings.yml')).stdout).toMatch(
      /^prune: true\nkeep-last: 2$/m,
    );
    await putImage(at, 'app', 'newest', { layers: ['newest'], created: '2026-07-01T00:00:00Z' });
    await server.sh('systemctl start registry-setup-prune.service');
    const { stdout } = await run(server, 'image list app --json');
    expect(JSON.parse(stdout).repositories[0].tags.map(({ tag }: { tag: string }) => tag)).toEqual([
      'new',
      'newest',
    ]);
    expect((await run(server, 'status')).stdout).toMatch(/Every night +keep the newest 2; 1 removed/);
    expect((await server.sh('cat /opt/registry/.state/removed.log')).stdout).toMatch(
      / app:old sha256:[0-9a-f]{64}\n.* app:older sha256:/,
    );
    await run(server, 'image prune --no-nightly --yes');
    expect(
      (await server.sh('systemctl list-unit-files "registry-setup-prune*" --no-legend', { check: false }))
        .stdout,
    ).toBe('');
    await run(server, 'uninstall --yes --purge');
    expect(await server.changes()).toEqual([]);
  });
});
