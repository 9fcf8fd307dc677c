// How long the server's own maintenance takes, beside what one would do by hand: backup, restore, a collection, a copy.
import { spawnSync } from 'node:child_process';
import { afterAll, test } from 'vitest';
import { startServer } from '../e2e/helpers/machines.ts';
import { type Host, removeAll } from '../lab/host.ts';

afterAll(removeAll);

const MB = 300;

/** Seconds that a script takes, by the clock of the host. */
async function seconds(host: Host, script: string): Promise<number> {
  const { stdout } = await host.sh(
    `from=$EPOCHREALTIME; { ${script}; } >/dev/null 2>&1 || echo FAILED; echo "took $(echo "$EPOCHREALTIME - $from" | bc)"`,
    { seconds: 600 },
  );
  if (stdout.includes('FAILED')) throw new Error(`it failed: ${script}`);
  return Number(/^took ([\d.]+)$/m.exec(stdout)?.[1]);
}

async function row(host: Host, what: string, script: string): Promise<void> {
  const time = await seconds(host, script);
  console.log(`${what.padEnd(60)}${time.toFixed(1).padStart(7)} s, ${Math.round(MB / time)} MB/s`);
}

test(`${MB} MB of images`, async () => {
  const host = await startServer();
  await host.sh('apt-get update -q && apt-get install -y -q zstd bc curl >/dev/null', { seconds: 300 });
  await host.sh('registry-setup --yes --tls insecure --auth none --host 127.0.0.1');
  await host.sh(
    `mkdir /root/image && cd /root/image
    for part in a b c; do head -c ${MB / 3}000000 /dev/urandom >$part; done
    printf 'FROM lab/hello:1\\nCOPY a /a\\nCOPY b /b\\nCOPY c /c\\n' >Dockerfile
    docker build --quiet --tag 127.0.0.1:5000/team/app:1 . && docker push --quiet 127.0.0.1:5000/team/app:1`,
    { seconds: 300 },
  );

  await row(host, 'registry-setup backup, verified', 'registry-setup backup /root/r.backup');
  await row(host, 'tar | zstd', 'tar -C /opt/registry -cf - . | zstd -q >/root/r.tar.zst');
  await row(host, 'tar | zstd, and read back', 'zstd -dc /root/r.tar.zst | tar -tf -');
  const beside = '--dir /opt/second --port 5001 --name second --host 127.0.0.1 --yes';
  await row(host, 'registry-setup restore, verified', `registry-setup restore /root/r.backup ${beside}`);
  await row(host, 'zstd | tar', 'mkdir /root/x && zstd -dc /root/r.tar.zst | tar -C /root/x -xf -');

  // A registry that has none of it: crane takes a blob from a repository of the same name, if the target has one.
  const third =
    'registry-setup --yes --tls insecure --auth none --host 127.0.0.1 --dir /opt/third --port 5002 --name third';
  await host.sh(third, { seconds: 120 });
  const empty = () =>
    host.sh(`rm -rf /opt/third/data/docker && docker restart third && ${third}`, { seconds: 120 });
  const copy = 'http://127.0.0.1:5000/team/app:1';
  await row(
    host,
    'registry-setup image copy',
    `registry-setup image copy ${copy} http://127.0.0.1:5002/a/one:1`,
  );
  for (const program of ['crane', 'skopeo']) {
    const path = spawnSync('which', [program], { encoding: 'utf8' }).stdout.trim();
    if (!path) continue;
    await host.copyIn(path, `/usr/local/lib/${program}`);
    const words =
      program === 'crane'
        ? 'copy --insecure 127.0.0.1:5000/team/app:1 127.0.0.1:5002/by/crane:1'
        : 'copy --src-tls-verify=false --dest-tls-verify=false docker://127.0.0.1:5000/team/app:1 docker://127.0.0.1:5002/by/skopeo:1';
    await empty();
    await row(host, `${program} copy`, `/usr/local/lib/${program} ${words}`);
  }

  // How long pushes are refused, seen by somebody who tries all the time.
  await host.sh('registry-setup image remove team/app:1 --yes');
  await host.sh(
    `while :; do echo "$EPOCHREALTIME $(curl -s -o /dev/null -m 5 -w '%{http_code}' -X POST http://127.0.0.1:5000/v2/x/blobs/uploads/)"
    sleep 0.02; done >/run/tries & echo $! >/run/tries.pid
    registry-setup image gc --yes; kill $(cat /run/tries.pid)`,
    { seconds: 300 },
  );
  const { stdout } = await host.sh(
    `awk '$2 != 202 { if (!a) a = $1; b = $1 } END { printf "%.1f", b - a }' /run/tries`,
  );
  const bare = 'docker exec registry registry garbage-collect /etc/registry/config.yml';
  console.log(`${'image gc: pushes refused'.padEnd(60)}${stdout.padStart(7)} s`);
  console.log(
    `${'the bare garbage-collect'.padEnd(60)}${(await seconds(host, bare)).toFixed(1).padStart(7)} s`,
  );
});
