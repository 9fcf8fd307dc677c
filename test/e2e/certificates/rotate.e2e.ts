// `registry-setup rotate`: another certificate of the same CA, and no client that notices.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { files, gapSeenBy, inFile, onWire, roots, roundTrip, trustRoots } from '../helpers/certificates.ts';
import { login, push, refused, run, running, startServer } from '../helpers/machines.ts';

let server: Host;
/** Docker 20.10, 26.1, 28.5 with the containerd image store. */
let clients: Host[];
let at: string;
const PASSWORD = 'correct horse';
beforeAll(async () => {
  const network = await createNetwork('rotate');
  const images = ['lab/hello:1' as const];
  const started = await Promise.all([
    startServer({}, network),
    startHost({ flavour: 'bookworm', network, images }),
    startHost({ flavour: 'trixie', network, images }),
    startHost({ flavour: 'forky', containerdStore: true, network, images }),
  ]);
  [server, ...clients] = started as [Host, ...Host[]];
  at = `${server.name}:5000`;
});
beforeEach(async () => {
  await server.reset();
  const names = `--host ${server.name} --san ${server.ip}`;
  await run(server, `--yes ${names} --password-stdin`, { input: PASSWORD });
  const ca = await server.read('/opt/registry/certs/ca.crt');
  await Promise.all(
    clients.map(async (client) => {
      await trustRoots(client, ca, at);
      await login(client, at, 'admin', PASSWORD);
    }),
  );
});
afterAll(removeAll);

const containers = async () =>
  (await server.sh("docker ps -a --format '{{.Names}} {{.Status}}'")).stdout.trim().split('\n');
const everybody = () => Promise.all(clients.map((client, i) => roundTrip(client, `${at}/team/app:${i}`)));
const dev = () => clients[1] as Host;

it('clients of three engines go on without being touched; one new container, the new certificate on the wire', async () => {
  const [wire, root, container] = [await onWire(dev(), at), await roots(server), await running(server)];
  await everybody();
  const { stderr } = await run(server, 'rotate --yes');
  expect(stderr).toMatch(/The new certificate ends on \S+\.\nNo client has to do anything\.\n$/);

  expect(await onWire(dev(), at)).toBe(await inFile(server));
  expect(await inFile(server)).not.toBe(wire);
  expect(await roots(server)).toEqual(root);
  const now = await running(server);
  expect(now.split(' ')[0]).not.toBe(container.split(' ')[0]);
  expect(now).toMatch(/ 0 true$/);
  expect(await containers()).toEqual([expect.stringMatching(/^registry Up/)]);
  await everybody();
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  expect(await running(server)).toBe(now);
});

it('--json: what was done, the certificate', async () => {
  const { stdout } = await run(server, 'rotate --yes --json');
  const said = JSON.parse(stdout);
  expect(said).toMatchObject({ version: 1, ok: true });
  expect(said.certificates.site.fingerprint).toBe(await inFile(server));
  expect(said.changed.map(({ title }: { title: string }) => title)).toContain('container registry');
});

it('while a client pushes in a loop: no push is refused; the gap is compared with a plain docker restart', async () => {
  const client = dev();
  await push(client, `${at}/team/app:1`);
  await client.write(
    '/tmp/loop.sh',
    `while [ ! -e /tmp/stop ]; do docker push -q ${at}/team/app:1 && echo; done`,
  );
  const loop = client.exec(['bash', '/tmp/loop.sh'], { check: false });
  const rotate = await gapSeenBy(client, at, () => run(server, 'rotate --yes'));
  await client.sh('touch /tmp/stop');
  const { stdout, stderr } = await loop;
  const restart = await gapSeenBy(client, at, () => server.sh('docker restart registry'));
  console.log(`  Without an answer: rotate ${rotate.gap} ms, docker restart ${restart.gap} ms.`);
  console.log(`  Pushes in a loop: ${stdout.match(/sha256|app:1/g)?.length} done`);
  expect(stderr).toBe('');
  expect(rotate.failed).toBe(0);
  await push(client, `${at}/team/app:1`);
});

it('a pull that is under way is not torn', async () => {
  const client = dev();
  const blob = 'head -c 60000000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null';
  const auth = `curl -sf --cacert /etc/docker/certs.d/${at}/ca.crt -u 'admin:${PASSWORD}'`;
  const { stdout } = await client.sh(`
    ${blob} >/tmp/blob
    digest=sha256:$(sha256sum /tmp/blob | cut -d' ' -f1)
    place=$(${auth} -D - -X POST https://${at}/v2/big/blobs/uploads/ | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
    ${auth} -X PUT -H 'Content-Type: application/octet-stream' -T /tmp/blob "$place&digest=$digest"
    echo $digest`);
  const digest = stdout.trim();
  // Six seconds of it.
  const pulling = client.sh(`
    touch /tmp/pulling
    ${auth} --limit-rate 10M https://${at}/v2/big/blobs/${digest} | sha256sum`);
  await client.sh('until [ -e /tmp/pulling ]; do sleep 0.1; done; sleep 0.5');
  await run(server, 'rotate --yes');
  expect(`sha256:${(await pulling).stdout.split(' ')[0]}`).toBe(digest);
  expect(await onWire(client, at)).toBe(await inFile(server));
});

it('--san in an ordinary run: the same CA signs a certificate with that name as well', async () => {
  const client = dev();
  const root = await roots(server);
  const name = `cache.${server.name}`;
  await client.sh(
    `curl -s --cacert /etc/docker/certs.d/${at}/ca.crt --resolve ${name}:5000:${server.ip} https://${name}:5000/v2/ && exit 1 || true`,
  );
  const { stderr } = await run(server, `--yes --san ${server.ip} --san ${name}`);
  expect(stderr).not.toContain('Every client');
  await client.sh(
    `curl -s --cacert /etc/docker/certs.d/${at}/ca.crt --resolve ${name}:5000:${server.ip} https://${name}:5000/v2/`,
  );
  expect(await roots(server)).toEqual(root);
  await everybody();
});

it('--host in an ordinary run: the same CA, and the clients are told the new address', async () => {
  const client = dev();
  const root = await roots(server);
  const { stderr } = await run(server, `--yes --host ${server.ip} --san ${server.name}`);
  expect(stderr).toContain(`Clients use ${server.ip}:5000 now, not ${at}`);
  expect(await roots(server)).toEqual(root);
  await trustRoots(client, root.join(''), `${server.ip}:5000`);
  await login(client, `${server.ip}:5000`, 'admin', PASSWORD);
  await roundTrip(client, `${server.ip}:5000/team/app:1`);
  await roundTrip(client, `${at}/team/app:1`);
});

it('--dry-run, a missing yes, and --if-expiring long before the end touch nothing', async () => {
  const [before, container] = [await files(server), await running(server)];
  expect((await run(server, 'rotate --dry-run')).stdout).toContain('/opt/registry/certs/site.crt');
  expect(await refused(server, 2, 'rotate')).toContain('--yes');
  expect((await run(server, 'rotate --yes --if-expiring 30')).stderr).toMatch(
    /^Nothing to do: .* in 39[56] days\.\n$/,
  );
  expect(await files(server)).toEqual(before);
  expect(await running(server)).toBe(container);
});

it('TLS 1.2 and 1.3 and nothing older, and HTTP/2', async () => {
  const curl = `curl -sk --ciphers DEFAULT@SECLEVEL=0 --tlsv1.0 -o /dev/null -w '%{http_version}' https://${at}/`;
  const { stdout } = await dev().sh(`for max in 1.1 1.2 1.3; do ${curl} --tls-max $max || true; echo; done`);
  expect(stdout).toBe('0\n2\n2\n');
});

it('keys are for root alone, nothing but certificates and settings is readable by others, the CA is never mounted', async () => {
  await run(server, 'rotate --yes --ca');
  const { stdout } = await server.sh(`
    stat -c '%a %U %n' /opt/registry/ca /opt/registry/ca/ca.key /opt/registry/certs/site.key
    echo; cd /opt/registry; find . -path ./data -prune -o -path ./program -prune -o -type f -perm /077 -print | sort`);
  const [keys, readable] = stdout.trim().split('\n\n');
  expect(keys).toBe(
    '700 root /opt/registry/ca\n600 root /opt/registry/ca/ca.key\n600 root /opt/registry/certs/site.key',
  );
  expect(readable?.split('\n')).toEqual([
    './ca/ca.crt',
    './ca/cross.crt',
    './certs/ca.crt',
    './certs/site.crt',
    './settings.yml',
  ]);
  const mounts = (
    await server.sh("docker inspect -f '{{range .Mounts}}{{.Source}} {{.RW}}\n{{end}}' registry")
  ).stdout;
  expect(mounts.trim().split('\n').sort()).toEqual([
    '/opt/registry/auth false',
    '/opt/registry/certs false',
    '/opt/registry/config false',
    '/opt/registry/data true',
  ]);
});
