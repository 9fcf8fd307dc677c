// A server with several addresses, with IPv6 alone, and with a name that it does not know itself.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { install, login, pull, push, run, running } from '../helpers/machines.ts';

const PASSWORD = 'correct horse';
const NAME = 'build.corp.example';
let server: Host;
let dev: Host;
let six: string;
let device: string;

beforeAll(async () => {
  const network = await createNetwork('addresses', { ipv6: true });
  [server, dev] = await Promise.all([
    startHost({ flavour: 'trixie', name: 'srv-six', network, images: ['registry:3', 'lab/hello:1'] }),
    startHost({ flavour: 'trixie', name: 'dev-six', network, images: ['lab/hello:1'] }),
  ]);
  await Promise.all([install(server), install(dev)]);
  const { stdout } = await server.sh(`ip -j addr show scope global`);
  type Row = { ifname: string; addr_info: { family: string; local: string }[] };
  const row = (JSON.parse(stdout) as Row[]).find(({ addr_info: all }) =>
    all.some(({ family }) => family === 'inet6'),
  );
  device = row?.ifname ?? '';
  six = row?.addr_info.find(({ family }) => family === 'inet6')?.local ?? '';
}, 300_000);
afterAll(removeAll);

/** The addresses in the certificate that is served, as openssl writes them. */
const served = async (): Promise<string[]> => {
  const { stdout } = await server.sh(
    'openssl s_client -connect 127.0.0.1:5000 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName',
  );
  return [...stdout.matchAll(/IP Address:([^,\s]+)/g)].map(([, address = '']) => address.toLowerCase());
};
const long = (address: string) => new URL(`http://[${address}]`).hostname; // for comparing: one spelling

it('IPv6 alone: --yes takes its address, and Docker on another machine uses it through --client', async () => {
  await server.sh(`ip -4 addr flush dev ${device}`);
  const { stderr } = await run(server, '--yes --password-stdin', { input: PASSWORD });
  const address = `[${six}]:5000`;
  expect(stderr).toContain(`Your registry: https://${address}`);
  const [line = ''] = /registry-setup --client .*/.exec(stderr) ?? [];
  await dev.sh(`${line} --yes --password-stdin`, { input: PASSWORD });
  const pushed = await push(dev, `${address}/team/app:1.0`);
  expect(await pull(dev, `${address}/team/app:1.0`)).toBe(pushed);
  await run(server, 'status');
}, 240_000);

it('IPv4 comes back: the registry keeps its certificate, until rotate adds the address', async () => {
  await server.sh(`ip addr add ${server.ip}/16 dev ${device}`);
  const before = await running(server);
  const { stderr } = await run(server, '--yes');
  expect(stderr).toContain('Nothing to do');
  expect(stderr).toContain(`Not in the certificate: ${server.ip}`);
  expect((await run(server, 'status')).stdout).toContain(`Not in the certificate: ${server.ip}`);
  expect(await running(server)).toBe(before);
  expect(await served()).not.toContain(server.ip);
  await run(server, 'rotate --yes');
  const names = await served();
  expect(names).toContain(server.ip);
  expect(names.filter((name) => name.includes(':')).map(long)).toContain(long(six));
  expect(names, 'no network of containers').not.toContain('172.17.0.1');
  const after = await running(server);
  await server.sh(`ip addr del ${server.ip}/16 dev ${device}`);
  expect((await run(server, '--yes')).stderr).not.toContain('Not in the certificate');
  expect(await running(server)).toBe(after);
  await server.sh(`ip addr add ${server.ip}/16 dev ${device}`);
}, 120_000);

it('an unknown name gets a line in /etc/hosts, which the next --host removes', async () => {
  const before = await server.read('/etc/hosts');
  const { stderr } = await run(server, `--yes --host ${NAME}`);
  expect(stderr).toContain(`No name server of this machine knows ${NAME}`);
  expect(await server.read('/etc/hosts')).toBe(`${before}127.0.0.1 ${NAME} # registry-setup\n`);
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  await run(server, 'status');
  await login(server, `${NAME}:5000`, 'admin', PASSWORD);
  const pushed = await push(server, `${NAME}:5000/team/own:1.0`);
  expect(await pull(server, `${NAME}:5000/team/own:1.0`)).toBe(pushed);
  await server.sh(`docker logout ${NAME}:5000; docker rmi ${NAME}:5000/team/own:1.0; rm -rf /root/.docker`);
  await run(server, `--yes --host ${server.ip}`);
  expect(await server.read('/etc/hosts')).toBe(before);
}, 120_000);

it('a name or an address that is not this machine is reported, and the hosts file left alone', async () => {
  await server.sh(`echo '203.0.113.7 nat.example' >>/etc/hosts`);
  const before = await server.read('/etc/hosts');
  expect((await run(server, '--yes --host nat.example')).stderr).toContain(
    'nat.example resolves to 203.0.113.7, which is no address of this machine',
  );
  expect((await run(server, '--yes --host 203.0.113.7')).stderr).toContain(
    '203.0.113.7 is no address of this machine',
  );
  expect(await server.read('/etc/hosts')).toBe(before);
  await server.sh(`sed -i /nat.example/d /etc/hosts`);
}, 120_000);

it('uninstall removes everything', async () => {
  await run(server, `--yes --host ${NAME}`);
  await run(server, 'uninstall --yes --purge');
  expect(await server.changes()).toEqual([]);
}, 120_000);
