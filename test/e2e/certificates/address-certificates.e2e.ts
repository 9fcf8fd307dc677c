// A company's certificate for an address, which names neither localhost nor 127.0.0.1: set up, renewed, and used by a client.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { CA, type MadeCertificate, SITE, workshop } from '../../helpers/openssl.ts';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { fingerprint, inFile, onWire } from '../helpers/certificates.ts';
import { PASSWORD, pushAndPull } from '../helpers/clients.ts';
import { install, refused, run } from '../helpers/machines.ts';

const { file, make } = workshop();
const company = make({ subject: '/CN=Company Root', extensions: CA });
const siteFor = (names: string) =>
  make({ subject: '/CN=site', by: company, extensions: [...SITE, `subjectAltName=${names}`] });

let server: Host;
let dev: Host;
let six: string;

beforeAll(async () => {
  const network = await createNetwork('address-certificates', { ipv6: true });
  [server, dev] = await Promise.all([
    startHost({ flavour: 'trixie', name: 'srv-ip', network, images: ['registry:3'] }),
    startHost({ flavour: 'trixie', name: 'dev-ip', network, images: ['lab/hello:1'] }),
  ]);
  await Promise.all([install(server), install(dev)]);
  six = (await server.sh(`hostname -I | tr ' ' '\\n' | grep : | head -1`)).stdout.trim();
});
beforeEach(() => Promise.all([server.reset(), dev.reset()]));
afterAll(removeAll);

/** What a person puts there: the certificate with its root, and the key. */
async function give({ cert, key }: MadeCertificate): Promise<void> {
  await server.copyIn(file(cert + company.cert), '/root/site.crt');
  await server.copyIn(file(key), '/root/site.key');
}

async function setUp(host: string, made: MadeCertificate): Promise<void> {
  await give(made);
  const words = `--yes --host ${host} --cert site.crt --key site.key --password-stdin`;
  const { stderr } = await run(server, words, { cwd: '/root', input: PASSWORD });
  expect(stderr).toContain('Trusted over TLS under its');
  expect((await run(server, 'status')).stdout).toContain(`https://${host}:5000   answers`);
}

/** With the root that the company handed out. */
async function join(host: string): Promise<void> {
  await dev.copyIn(file(company.cert), '/root/company.crt');
  const words = `--client --yes --host ${host}:5000 --ca /root/company.crt --user admin --password-stdin`;
  await run(dev, words, { input: PASSWORD });
  await pushAndPull(dev, `${host}:5000/team/app:1`);
}

it('for the address alone; a new file is taken by the timer, and status goes on', async () => {
  await setUp(server.ip, siteFor(`IP:${server.ip}`));
  await join(server.ip);
  const next = siteFor(`IP:${server.ip}`);
  await give(next);
  await server.sh('systemctl start registry-setup-renew');
  expect(await onWire(dev, `${server.ip}:5000`)).toBe(fingerprint(next.cert));
  expect(await inFile(server)).toBe(fingerprint(next.cert));
  await run(server, 'status');
  await pushAndPull(dev, `${server.ip}:5000/team/app:2`);
});

it('for the address and a name', async () => {
  await setUp(server.ip, siteFor(`IP:${server.ip},DNS:registry.example`));
  await join(server.ip);
});

it('for an IPv6 address', async () => {
  await setUp(`[${six}]`, siteFor(`IP:${six}`));
  await join(`[${six}]`);
});

it('for another address: said before anything is touched', async () => {
  await give(siteFor('IP:10.0.3.17'));
  const said = await refused(server, 2, `--yes --host ${server.ip} --cert site.crt --key site.key`, {
    cwd: '/root',
  });
  expect(said).toContain(`the certificate is not for ${server.ip}; it is for 10.0.3.17`);
});
