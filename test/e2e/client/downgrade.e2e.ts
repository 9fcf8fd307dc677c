// Somebody on the way answers without TLS in the place of a registry that a developer machine has joined over TLS: no password
// reaches them, neither by this program nor by Docker or podman, and the machine stays as it is.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, spawnPty, startHost } from '../../lab/host.ts';
import { MEMORY, PASSWORD, pushAndPull, setUp, toolOf } from '../helpers/clients.ts';
import { install, refused, run, startServer, until } from '../helpers/machines.ts';

let server: Host;
let clients: Host[];
beforeAll(async () => {
  const network = await createNetwork('downgrade');
  const images = ['lab/hello:1' as const];
  [server, ...clients] = (await Promise.all([
    startServer({ flavour: 'bookworm' }, network),
    startHost({ flavour: 'bookworm', network, images }),
    startHost({ flavour: 'trixie', network, images }),
    startHost({ flavour: 'bookworm-podman', network, images }),
  ])) as [Host, ...Host[]];
  await Promise.all(clients.map((host) => install(host)));
}, 240_000);
beforeEach(async () => {
  // What was joined in the test before is forgotten, too.
  await Promise.all([server, ...clients].map((host) => host.reset(MEMORY, '/run/containers/0/auth.json')));
});
afterAll(removeAll);

/** Asks for a password, takes any, and writes down what came. */
const IMPOSTOR = `
const { createServer } = require('node:http');
const { appendFileSync } = require('node:fs');
createServer((request, reply) => {
  const { authorization } = request.headers;
  appendFileSync('/tmp/heard', request.method + ' ' + request.url + ' ' + (authorization ?? '-') + '\\n');
  reply.writeHead(authorization ? 200 : 401, {
    'docker-distribution-api-version': 'registry/2.0',
    ...(!authorization && { 'www-authenticate': 'Basic realm="registry"' }),
  });
  reply.end('{}');
}).listen(5999);`;

const RULE = () => `OUTPUT -d ${server.ip} -p tcp --dport 5000 -j REDIRECT --to-ports 5999`;

/** From now on the impostor has what this machine sends to the registry. */
async function redirect(client: Host): Promise<void> {
  await client.write('/tmp/impostor.js', IMPOSTOR);
  await client.sh('rm -f /tmp/heard; (timeout 170 node /tmp/impostor.js &>/dev/null &)');
  await until(client, 'curl -s http://127.0.0.1:5999/v2/');
  await client.sh(`iptables -t nat -I ${RULE()}`);
}
const restore = (client: Host) => client.sh(`iptables -t nat -D ${RULE()}; pkill -x node`);
const heard = (client: Host) => client.read('/tmp/heard');

/** What Docker trusts, byte for byte. */
const trusted = async (client: Host) =>
  (await client.sh('find /etc/docker /etc/containers -type f -exec sha256sum {} + | sort', { check: false }))
    .stdout;

/** Docker 20.10 and 26.1, and podman, at the same time. */
const everybody = (act: (client: Host) => Promise<void>) => Promise.all(clients.map(act));

it('a registry that used TLS before: every run is refused, nothing is sent, nothing changes', async () => {
  const line = await setUp(server, '--tls ca-signed');
  const at = `${server.ip}:5000`;
  const given = `--client --host http://${at} --user admin --password-stdin`;
  await everybody(async (client) => {
    await run(client, line, { input: PASSWORD });
    const before = [await client.changes(), await trusted(client)];
    await redirect(client);
    for (const words of [
      `--host ${server.ip} --yes`,
      `--host ${server.ip} --yes --dry-run`,
      `--host http://${at} --yes`,
      `--host http://${at} --dry-run`,
    ])
      expect(await refused(client, 2, `--client ${words}`)).toContain(`${at} used TLS before`);
    for (const words of ['--yes', '--yes --dry-run'])
      expect(await refused(client, 2, `${given} ${words}`, { input: PASSWORD })).toContain('--undo');
    const pty = spawnPty(client, `registry-setup --client --host ${server.ip}`);
    expect(await pty.exitCode).toBe(2);
    expect(await heard(client)).toMatch(/^GET \/v2\/ -\n/);
    expect(await heard(client)).not.toMatch(/Basic|Bearer/);
    expect([await client.changes(), await trusted(client)]).toEqual(before);

    await restore(client);
    await pushAndPull(client, `${at}/team/${client.name}:1`);
  });
}, 240_000);

it('on first contact: refused without http://, and a stored login for TLS is not sent', async () => {
  const line = await setUp(server, '--tls insecure');
  const at = `${server.ip}:5000`;
  const auths = { [at]: { auth: Buffer.from(`admin:${PASSWORD}`).toString('base64') } };
  await everybody(async (client) => {
    await redirect(client);
    expect(await refused(client, 2, `--client --yes --host ${server.ip}`)).toContain(
      `registry-setup --client --yes --host http://${at}`,
    );
    expect((await run(client, `${line} --dry-run`, { input: PASSWORD })).stderr).toContain('not tried');
    const folder = toolOf(client) === 'docker' ? '/root/.docker' : '/run/containers/0';
    await client.sh(`mkdir -p ${folder}`);
    const file = toolOf(client) === 'docker' ? 'config.json' : 'auth.json';
    await client.write(`${folder}/${file}`, JSON.stringify({ auths }), 0o600);
    const said = await refused(client, 2, `--client --yes --host http://${at}`);
    expect(said).toContain(`${toolOf(client)} logout ${at}`);
    expect(await heard(client)).not.toMatch(/Basic|Bearer/);

    await restore(client);
    await run(client, line, { input: PASSWORD });
    await pushAndPull(client, `${at}/team/${client.name}:1`);
    expect((await run(client, `--client --yes --host ${server.ip}`)).stderr).toContain('Nothing to do');
    await run(client, '--client --undo --yes');
  });
}, 240_000);
