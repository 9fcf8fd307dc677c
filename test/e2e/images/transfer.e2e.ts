// Images in and out: from the registry of one machine to that of another, and through files that docker writes and reads.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNetwork, type Host, type LabImage, removeAll, startHost } from '../../lab/host.ts';
import { install, refused, run, trust } from '../helpers/machines.ts';

let near: Host;
let far: Host;
let dev: Host;
let digest = '';

/** Runs what an image holds that was made below. */
const runs = async (host: Host, name: string) =>
  expect((await host.sh(`docker run --rm ${name}`)).stdout).toBe('hello from the lab\n');
const digestIn = (text: string) => /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? '';

beforeAll(async () => {
  const network = await createNetwork('transfer');
  const server = {
    flavour: 'trixie' as const,
    network,
    images: ['registry:3', 'lab/hello:1'] satisfies LabImage[],
  };
  [near, far, dev] = await Promise.all([
    startHost({ ...server, name: 'near' }),
    startHost({ ...server, name: 'far' }),
    startHost({ flavour: 'forky', containerdStore: true, network, name: 'dev' }),
  ]);
  await Promise.all([near, far, dev].map(install));
  await Promise.all([
    run(near, '--yes --user admin --password-stdin', { input: 'secret-pw-1' }),
    run(far, '--yes --tls insecure --auth none'),
  ]);
  await trust(far, `${far.ip}:5000`);
  const { stdout } = await run(near, 'status --json');
  const fingerprint = /(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/.exec(stdout)?.[0];
  await Promise.all([
    run(
      dev,
      `--client --yes --host ${near.ip} --ca-fingerprint ${fingerprint} --user admin --password-stdin`,
      {
        input: 'secret-pw-1',
      },
    ),
    far.sh(`
      mkdir /tmp/image; cd /tmp/image
      for part in a b c; do head -c 2000000 /dev/urandom >$part; done
      printf 'FROM lab/hello:1\nCOPY a /a\nCOPY b /b\nCOPY c /c\n' >Dockerfile
      docker build --quiet --tag ${far.ip}:5000/team/app:1.0 .`),
  ]);
  digest = digestIn((await far.sh(`docker push ${far.ip}:5000/team/app:1.0`)).stdout);
});
afterAll(removeAll);

it('copies an image to a registry with TLS and a login, and docker pulls it there by the same digest', async () => {
  const said = await refused(near, 2, `image copy ${far.ip}:5000/team/app:1.0 team/app:1.0`);
  expect(said).toContain(`http://${far.ip}:5000/`);
  const source = `http://${far.ip}:5000/team/app:1.0`;
  const { stdout } = await run(near, `image copy ${source} team/app:1.0 --json`);
  expect(JSON.parse(stdout)).toMatchObject({ digest, changed: true, sent: { blobs: 5 } });
  expect(JSON.parse((await run(near, `image copy ${source} team/app:1.0 --json`)).stdout)).toMatchObject({
    changed: false,
  });
  await dev.sh(`docker pull ${near.ip}:5000/team/app@${digest}`);
  await runs(dev, `${near.ip}:5000/team/app@${digest}`);
});

it('saves an image from afar, with the login of docker; docker loads it, with and without its new store', async () => {
  await run(dev, `image save team/app:1.0 /tmp/app.tar --host ${near.ip}`);
  await dev.sh('docker load --input /tmp/app.tar');
  await runs(dev, `${near.ip}:5000/team/app:1.0`);
  await far.write('/tmp/app.tar', (await dev.exec(['base64', '/tmp/app.tar'])).stdout);
  await far.sh('base64 --decode /tmp/app.tar >/tmp/saved.tar; docker load --input /tmp/saved.tar');
  await runs(far, `${near.ip}:5000/team/app:1.0`);
});

it('loads what docker saves, from a file and from a pipe, and docker pulls it', async () => {
  await near.sh('docker tag lab/hello:1 saved/one:1; docker tag lab/hello:1 saved/two:2');
  await near.sh('docker save saved/one:1 saved/two:2 | registry-setup image load -');
  await near.sh(
    'docker save saved/one:1 | gzip >/tmp/one.tar.gz; registry-setup image load /tmp/one.tar.gz team/hello',
  );
  for (const name of ['saved/one:1', 'saved/two:2', 'team/hello']) {
    await dev.sh(`docker pull ${near.ip}:5000/${name}`);
    await runs(dev, `${near.ip}:5000/${name}`);
  }
});

it('leaves nothing behind on a disk that is full', async () => {
  await near.sh(`
    mkdir /tmp/out
    mount -t tmpfs -o size=3m tmpfs /tmp/out`);
  const full = await near.sh('registry-setup image save team/app:1.0 /tmp/out/app.tar', { check: false });
  expect(full.code).toBe(1);
  expect(full.stderr).toContain('/tmp/out/app.tar: the disk is full');
  expect((await near.sh('ls -A /tmp/out')).stdout).toBe('');
  // Nobody can log in with what the command used.
  expect((await near.sh('cut -d: -f1 /opt/registry/auth/htpasswd')).stdout).toBe('admin\n');
});
