// How long the list of a large registry takes, and what it needs of memory: 10 000 tags in 200 repositories, here, in a real registry.
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'vitest';
import { noRegistry, startRegistry } from '../helpers/registry-program.ts';

const [REPOSITORIES, TAGS] = [200, 50];

/** Writes images as the storage driver of a registry lays them out: a push of each would take hours. */
function fill(data: string): void {
  const root = join(data, 'docker/registry/v2');
  const put = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const blob = (content: string | Buffer) => {
    const hex = createHash('sha256').update(content).digest('hex');
    put(`blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, content);
    return { digest: `sha256:${hex}`, size: content.length, hex };
  };
  const shared = [1, 2, 3].map(() => blob(randomBytes(64)));
  for (let r = 0; r < REPOSITORIES; r++)
    for (let t = 0; t < TAGS; t++) {
      const repository = `repositories/team${r % 20}/app${r}`;
      const config = blob(
        JSON.stringify({ os: 'linux', architecture: 'amd64', created: '2026-06-01T00:00:00Z', id: [r, t] }),
      );
      const layers = [...shared, blob(`layer ${r} ${t}`)];
      const part = (mediaType: string, { digest, size }: { digest: string; size: number }) => ({
        mediaType,
        digest,
        size,
      });
      const manifest = blob(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          config: part('application/vnd.oci.image.config.v1+json', config),
          layers: layers.map((layer) => part('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
        }),
      );
      const link = `_manifests/tags/1.${t}`;
      for (const path of [
        `_manifests/revisions/sha256/${manifest.hex}`,
        `${link}/current`,
        `${link}/index/sha256/${manifest.hex}`,
      ])
        put(`${repository}/${path}/link`, manifest.digest);
      for (const { hex, digest } of [config, ...layers])
        put(`${repository}/_layers/sha256/${hex}/link`, digest);
    }
}

/** Runs a program under GNU time, if that is here. */
function measure(title: string, argv: string[]): void {
  const { stderr, status } = spawnSync('/usr/bin/time', ['-f', '%e %M', ...argv], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const [seconds = '?', kilobytes = '?'] = stderr.trim().split('\n').at(-1)?.split(' ') ?? [];
  const memory = `${Math.round(Number(kilobytes) / 1000)} MB`;
  console.log(
    `${title.padEnd(60)}${seconds.padStart(7)} s, ${memory}${status === 0 ? '' : ` (exit ${status})`}`,
  );
}

const ours = (...words: string[]) => [process.execPath, 'dist/cli.js', ...words];
const isHere = (program: string) => !spawnSync(program, ['version']).error;

/** What others need for one tag of what a line of `image list` says: its digest, its platforms and its age. */
const LOOPS: [program: string, repositories: string, tags: string, one: string][] = [
  [
    'crane',
    'crane catalog --insecure $R',
    'crane ls --insecure $R/$1 | sed "s#^#$1:#"',
    'crane digest --insecure $R/$1; crane config --insecure $R/$1',
  ],
  [
    'regctl',
    'regctl --host reg=$R,tls=disabled repo ls $R',
    'regctl --host reg=$R,tls=disabled tag ls $R/$1 | sed "s#^#$1:#"',
    'regctl --host reg=$R,tls=disabled image digest $R/$1; regctl --host reg=$R,tls=disabled image config $R/$1',
  ],
];
/** How many tags of each repository a loop looks at: all of them would take an hour. */
const SAMPLE = 2;

function loop(at: string, [program, repositories, tags, one]: (typeof LOOPS)[number]): void {
  const each = (script: string) => `xargs -P 8 -n 1 sh -c '${script}' -`;
  const all = `${repositories} | ${each(`${tags} | head -n ${SAMPLE}`)} | ${each(`{ ${one}; } >/dev/null`)}`;
  measure(`a loop of ${program}, ${REPOSITORIES * SAMPLE} of these tags`, [
    'env',
    `R=${at}`,
    'sh',
    '-c',
    all,
  ]);
}

test.skipIf(noRegistry)(`${REPOSITORIES * TAGS} tags`, async () => {
  const { at, data } = await startRegistry();
  fill(data);
  const where = ['--host', `http://127.0.0.1:${at.port}`];
  const all = `${REPOSITORIES * TAGS} tags in ${REPOSITORIES} repositories`;
  measure(`image list, ${all}`, ours('image', 'list', ...where));
  measure(`image list 'team1/*', a twentieth of them`, ours('image', 'list', 'team1/*', ...where));
  const rules = ['--keep-last', '10', '--match', 'team1/*', '--match', 'team2/*', '--dry-run'];
  measure('image prune --dry-run, 1000 images', ours('image', 'prune', ...rules, ...where));
  for (const one of LOOPS) if (isHere(one[0])) loop(`127.0.0.1:${at.port}`, one);
});
