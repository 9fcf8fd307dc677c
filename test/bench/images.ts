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

/** Runs the built program under GNU time, if that is here. */
function measure(words: string[]): void {
  const argv = ['-f', '%e %M', process.execPath, 'dist/cli.js', ...words];
  const { stderr, status } = spawnSync('/usr/bin/time', argv, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const [seconds = '?', kilobytes = '?'] = stderr.trim().split('\n').at(-1)?.split(' ') ?? [];
  console.log(
    `${words.slice(0, 4).join(' ')}: ${seconds} s, ${Math.round(Number(kilobytes) / 1000)} MB${status === 0 ? '' : ` (exit ${status})`}`,
  );
}

test.skipIf(noRegistry)(`${REPOSITORIES * TAGS} tags`, async () => {
  const { at, data } = await startRegistry();
  fill(data);
  const where = ['--host', `http://127.0.0.1:${at.port}`];
  measure(['image', 'list', ...where]);
  measure(['image', 'list', 'team1/*', ...where]);
  measure(['image', 'prune', '--keep-last', '10', '--match', 'team1/*', '--dry-run', ...where]);
});
