// Images in and out: from the registry of one machine to that of another, and through files that docker writes and reads.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNetwork, type Host, type LabImage, removeAll, startHost } from '../../lab/host.ts';
import { install, refused, run, trust } from '../helpers/machines.ts';

let near: Host;
let far: Host;
let digest = '';
const PASSWORD = 'secret-pw-1';

/** Runs what an image holds that was made below. */
const runs = async (host: Host, name: string) =>
  expect((await host.sh(`docker run --rm ${name}`)).stdout).toBe('hello from the lab\n');
const digestIn = (text: string) => /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? '';

beforeAll(async () => {
  const network = await createNetwork('transfer');
  const images: LabImage[] = ['registry:3', 'lab/hello:1'];
  [near, far] = await Promise.all([
    startHost({ flavour: 'trixie', network, name: 'near', images }),
    startHost({ flavour: 'forky', containerdStore: true, network, name: 'far', images }),
  ]);
  await Promise.all([near, far].map((host) => install(host)));
  await Promise.all([
    run(near, '--yes --user admin --password-stdin', { input: PASSWORD }),
    run(far, '--yes --tls insecure --auth none'),
  ]);
  await trust(far, `${far.ip}:5000`);
  const fingerprint = /(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/.exec((await run(near, 'status --json')).stdout)?.[0];
  const words = `--yes --host ${near.ip} --ca-fingerprint ${fingerprint} --user admin --password-stdin`;
  await run(far, `--client ${words}`, { input: PASSWORD });
  await far.sh(`
    mkdir /tmp/image; cd /tmp/image
    for part in a b c; do head -c 2000000 /dev/urandom >$part; done
    printf 'FROM lab/hello:1\nCOPY a /a\nCOPY b /b\nCOPY c /c\n' >Dockerfile
    docker build --quiet --tag ${far.ip}:5000/team/app:1.0 .`);
  digest = digestIn((await far.sh(`docker push ${far.ip}:5000/team/app:1.0`)).stdout);
  await far.sh(`docker rmi ${far.ip}:5000/team/app:1.0`);
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
  await far.sh(`docker pull ${near.ip}:5000/team/app@${digest}`);
  await runs(far, `${near.ip}:5000/team/app@${digest}`);
});

it('saves an image from afar, with the login of docker; docker loads it, with and without its new store', async () => {
  await far.sh(
    'docker rmi --force $(docker images --quiet --filter reference="*/team/app") >/dev/null || true',
  );
  await run(far, `image save team/app:1.0 /tmp/app.tar --host ${near.ip}`);
  await far.sh('docker load --input /tmp/app.tar');
  await runs(far, `${near.ip}:5000/team/app:1.0`);
  const { stdout } = await far.exec(['base64', '/tmp/app.tar']);
  await near.sh('base64 --decode >/tmp/app.tar; docker load --input /tmp/app.tar', { input: stdout });
  await runs(near, `${near.ip}:5000/team/app:1.0`);
});

it('loads what docker saves, from a file and from a pipe, and docker pulls it', async () => {
  await near.sh('docker tag lab/hello:1 saved/one:1; docker tag lab/hello:1 saved/two:2');
  await near.sh('docker save saved/one:1 saved/two:2 | registry-setup image load -');
  await near.sh(
    'docker save saved/one:1 | gzip >/tmp/one.tar.gz; registry-setup image load /tmp/one.tar.gz team/hello',
  );
  for (const name of ['saved/one:1', 'saved/two:2', 'team/hello']) {
    await far.sh(`docker pull ${near.ip}:5000/${name}`);
    await runs(far, `${near.ip}:5000/${name}`);
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
