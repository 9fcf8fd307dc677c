// Files that will not do, on a machine: exit 2, nothing touched, and the running registry goes on. (All the others: test/stories/bad-certificates.)
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CA, newKey, SITE, workshop } from '../../helpers/openssl.ts';
import { type Host, removeAll } from '../../lab/host.ts';
import { files, inFile, onWire } from '../helpers/certificates.ts';
import { refused, run, running, startServer } from '../helpers/machines.ts';

let server: Host;
let before: { files: string[]; changes: string[]; container: string };
const { make, openssl, file } = workshop();
const NAME = 'registry.example';
const SAN = [...SITE, `subjectAltName=DNS:${NAME}`];
const ca = make({ subject: '/CN=Company Root', extensions: CA });
const site = make({ subject: `/CN=${NAME}`, extensions: SAN, by: ca });
beforeAll(async () => {
  server = await startServer();
  await run(server, `--yes --auth none --host ${NAME}`);
  before = { files: await files(server), changes: await server.changes(), container: await running(server) };
});
afterAll(removeAll);

const CERT = '--cert site.crt --key site.key';
type Case = [string, string, Record<string, string | Buffer>, RegExp];
const whole = site.cert + ca.cert;
const cases: Case[] = [
  [
    'a key of another certificate',
    CERT,
    { 'site.crt': whole, 'site.key': newKey() },
    /--key \S*site\.key: this key belongs to no certificate in .*site\.crt/,
  ],
  [
    'a PFX file with a wrong passphrase',
    '--cert site.pfx',
    {
      'site.pfx': openssl(
        'pkcs12',
        '-export',
        '-inkey',
        file(site.key),
        '-in',
        file(site.cert),
        '-passout',
        'pass:open sesame',
      ),
    },
    /the passphrase does not open this file/,
  ],
  [
    '10 MB of noise',
    CERT,
    { 'site.crt': randomBytes(10_000_000), 'site.key': site.key },
    /too large for a certificate or a key: 9\.5 MB/,
  ],
];

it.each(cases)('%s', async (_, flags, given, message) => {
  await server.sh('rm -rf /root/in; mkdir -p /root/in /root/folder');
  for (const [name, content] of Object.entries(given)) await server.copyIn(file(content), `/root/in/${name}`);
  const env = { REGISTRY_SETUP_PASSPHRASE: 'a wrong one' };
  const said = await refused(server, 2, `--yes ${flags}`, { cwd: '/root/in', env });
  expect(said).toMatch(message);
  // One line that tells it, and what to do: no stack, no log, nothing of the key.
  expect(said.trim().split('\n').length).toBeLessThanOrEqual(3);
  expect(said).not.toMatch(/ at \S+:\d+:\d+|PRIVATE KEY-----/);
  expect(
    JSON.parse(
      (await server.sh(`registry-setup --yes --json ${flags} || true`, { cwd: '/root/in', env })).stdout,
    ),
  ).toMatchObject({ version: 1, ok: false });
  await server.sh('rm -rf /root/in /root/folder');
  expect(await files(server)).toEqual(before.files);
  expect(await server.changes()).toEqual(before.changes);
  expect(await running(server)).toBe(before.container);
  expect(await onWire(server, '127.0.0.1:5000')).toBe(await inFile(server));
});

it('DER that is called .pem is read all the same', async () => {
  await server.sh('mkdir -p /root/in');
  await server.copyIn(file(openssl('x509', '-in', file(site.cert), '-outform', 'DER')), '/root/in/site.pem');
  await server.copyIn(file(ca.cert), '/root/in/ca.crt');
  await server.copyIn(file(site.key), '/root/in/site.key');
  await run(server, '--yes --dry-run --cert site.pem --key site.key --ca-cert ca.crt', { cwd: '/root/in' });
});
