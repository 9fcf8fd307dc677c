// The registry of one machine on another one, with another engine: under the same name, no developer machine notices.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { PASSWORD, setUp } from '../helpers/clients.ts';
import { install, login, nameHost, push, refused, run, startServer } from '../helpers/machines.ts';

const NAME = 'registry.lab';
const IMAGE = `${NAME}:5000/team/app:1.0`;
const FILE = '/root/registry.backup';

let first: Host;
let second: Host;
let dev: Host;
beforeAll(async () => {
  const network = await createNetwork('backup');
  [first, second, dev] = await Promise.all([
    startServer({}, network),
    startHost({ flavour: 'trixie-podman', name: 'second', network, images: ['registry:3'] }),
    startHost({ flavour: 'trixie', name: 'dev', network, images: ['lab/hello:1'] }),
  ]);
  await Promise.all([second, dev].map((host) => install(host)));
});
afterAll(removeAll);

it('moves to a machine with podman, and the client pulls and logs in as before', async () => {
  const line = await setUp(first, `--host ${NAME} --user admin`);
  await nameHost(dev, NAME, first.ip);
  await run(dev, line, { input: PASSWORD });
  const digest = await push(dev, IMAGE);
  await push(dev, `${NAME}:5000/other:2`);
  const { stdout } = await run(first, `backup ${FILE} --json`);
  expect(JSON.parse(stdout)).toMatchObject({ checked: true, images: 2, repositories: 2 });
  // Passed on as base64: what goes through the hands of the test is text.
  const file = (await first.sh(`base64 -w0 ${FILE}`)).stdout;
  await second.sh(`base64 -d >${FILE}`, { input: file });
  // What the client has is not touched from here on, but for the address of the name.
  const before = (
    await dev.sh('find /etc/docker/certs.d -type f | xargs sha256sum; cat ~/.docker/config.json')
  ).stdout;

  await second.sh('mkdir /srv/small && mount -t tmpfs -o nr_inodes=40 tmpfs /srv/small');
  const full = await refused(second, 1, `restore ${FILE} --yes --storage /srv/small/images`);
  expect(full).toContain('disk is full');
  expect(full).toContain('Everything was put back as it was.');
  expect((await second.sh('ls /srv/small')).stdout).toBe('');
  await second.sh('umount /srv/small && rmdir /srv/small');
  expect(await second.changes()).toEqual([expect.stringContaining(FILE)]);

  const restored = await run(second, `restore ${FILE} --yes`);
  expect(restored.stderr).toContain('2 images are served, each with its digest');
  expect(restored.stderr).toContain('Clients do nothing');
  expect((await run(second, 'status')).stdout).toContain('podman');
  await first.sh('docker stop registry');
  await nameHost(dev, NAME, second.ip);
  await dev.sh(`docker rmi --force ${IMAGE} lab/hello:1`);
  const pulled = await dev.sh(`docker pull ${IMAGE} && docker run --rm ${IMAGE}`);
  expect(pulled.stdout).toContain(digest);
  expect(pulled.stdout).toContain('hello from the lab');
  expect(
    (await dev.sh('find /etc/docker/certs.d -type f | xargs sha256sum; cat ~/.docker/config.json')).stdout,
  ).toBe(before);
  await login(dev, `${NAME}:5000`, 'admin', PASSWORD);
  await dev.sh(`docker tag ${IMAGE} ${NAME}:5000/team/app:2.0 && docker push ${NAME}:5000/team/app:2.0`);

  expect(await refused(second, 2, `restore ${FILE} --yes`)).toContain('uninstall');
  await run(second, 'uninstall --yes --purge');
  expect(await second.changes()).toEqual([expect.stringContaining(FILE)]);
});

it('under another name: a new certificate of the same CA, and the line for clients', async () => {
  const { stderr } = await run(second, `restore ${FILE} --yes --host new.lab`);
  expect(stderr).toContain(`Clients use new.lab:5000 now, not ${NAME}:5000`);
  expect(stderr).toContain('--client --host new.lab');
  const [former, now] = await Promise.all(
    [first, second].map(async (host) => (await host.sh('sha256sum </opt/registry/certs/ca.crt')).stdout),
  );
  expect(now).toBe(former);
  const { stdout } = await second.sh(
    'openssl x509 -in /opt/registry/certs/site.crt -noout -ext subjectAltName',
  );
  expect(stdout).toContain('DNS:new.lab');
});
