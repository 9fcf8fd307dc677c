// `registry-setup rotate --ca`: another CA, and until the former one ends no client has to be touched.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import {
  distrust,
  fingerprint,
  inFile,
  installGoClient,
  onWire,
  refusals,
  roots,
  roundTrip,
  trustRoots,
} from '../helpers/certificates.ts';
import { run, running, startServer } from '../helpers/machines.ts';

let server: Host;
/** Docker 20.10, 26.1, 28.5 with either image store. */
let clients: Host[];
let at: string;
beforeAll(async () => {
  const network = await createNetwork('rotate-ca');
  const images = ['lab/hello:1' as const];
  const started = await Promise.all([
    startServer({}, network),
    startHost({ flavour: 'bookworm', network, images }),
    startHost({ flavour: 'trixie', network, images }),
    startHost({ flavour: 'forky', network, images }),
    startHost({ flavour: 'forky', containerdStore: true, network, images }),
  ]);
  [server, ...clients] = started as [Host, ...Host[]];
  at = `${server.name}:5000`;
  await installGoClient(...clients);
});
beforeEach(async () => {
  await server.reset();
  await run(server, `--yes --auth none --host ${server.name} --san ${server.ip}`);
});
afterAll(removeAll);

/** Every client with one root and nothing else: Docker by the name, the others by the address, too. */
async function accepted(root: string) {
  for (const client of clients) {
    await distrust(client);
    await trustRoots(client, root, at);
    await roundTrip(client, `${at}/team/app:1`);
    expect(await refusals(client, at, root)).toEqual([]);
    expect(await refusals(client, `${server.ip}:5000`, root)).toEqual([]);
  }
}

it('clients with the old root alone and clients with the new root alone accept it: Docker, Go, Node, curl, openssl', async () => {
  const [old = ''] = await roots(server);
  await accepted(old);
  const before = await running(server);
  const { stderr } = await run(server, 'rotate --yes --ca');
  const [now = '', former, ...more] = await roots(server);
  expect({ former, more }).toEqual({ former: old, more: [] });
  expect(stderr).toContain(`new clients are given the new CA:\n  ${fingerprint(now)}\n`);
  expect(stderr).toMatch(/Clients that trust the former CA keep working until 20\d\d-\d\d-\d\d/);

  expect(await onWire(clients[0] as Host, at)).toBe(await inFile(server));
  expect((await running(server)).split(' ')[0]).not.toBe(before.split(' ')[0]);
  await accepted(old);
  await accepted(now);
  // And an ordinary rotation afterwards keeps both.
  await run(server, 'rotate --yes');
  expect(await roots(server)).toEqual([now, old]);
  await accepted(old);
  await accepted(now);
}, 300_000);

it('status tells both roots and until when; new clients are given the new one', async () => {
  const [old = ''] = await roots(server);
  await run(server, 'rotate --yes --ca');
  const [now = ''] = await roots(server);
  const { stdout } = await run(server, 'status');
  const trusted = stdout.slice(stdout.indexOf('Clients     trust'));
  expect(trusted.indexOf(fingerprint(now))).toBeGreaterThan(0);
  expect(trusted.indexOf(fingerprint(old))).toBeGreaterThan(trusted.indexOf(fingerprint(now)));
  expect(trusted).toContain(`--ca-fingerprint ${fingerprint(now)}`);
  const said = JSON.parse((await run(server, 'status --json')).stdout);
  const told = said.certificates.roots.map((root: { fingerprint: string }) => root.fingerprint);
  expect(told).toEqual([fingerprint(now), fingerprint(old)]);
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
});

it('the key of the old CA is destroyed: nothing below the directory holds a line of it', async () => {
  const key = (await server.read('/opt/registry/ca/ca.key')).trim().split('\n');
  const lines = key.slice(2, -2).join('\n');
  await server.write('/tmp/lines', lines);
  const find = 'grep -rlFf /tmp/lines /opt/registry || true';
  expect((await server.sh(find)).stdout).toBe('/opt/registry/ca/ca.key\n');
  await run(server, 'rotate --yes --ca');
  expect((await server.sh(find)).stdout).toBe('');
});

it('once more while clients of the first root are left: clients of all three roots accept it', async () => {
  const [first = ''] = await roots(server);
  await run(server, 'rotate --yes --ca');
  const [second = ''] = await roots(server);
  const { stderr } = await run(server, 'rotate --yes --ca');
  const [third = '', ...former] = await roots(server);
  expect(former).toEqual([second, first]);
  expect(stderr).not.toContain('cut off');
  for (const root of [first, second, third]) await accepted(root);
  await run(server, 'status');
}, 300_000);

it('a registry without a CA of its own: exit 2 and what to do instead', async () => {
  for (const tls of ['self-signed', 'insecure']) {
    await run(server, `--yes --tls ${tls}`);
    const { code, stderr } = await server.sh('registry-setup rotate --yes --ca', { check: false });
    expect(code).toBe(2);
    expect(stderr).toMatch(/no CA of its own|plain HTTP/);
  }
  const { code, stderr } = await server.sh('registry-setup rotate --yes', { check: false });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--tls ca-signed') });
});
