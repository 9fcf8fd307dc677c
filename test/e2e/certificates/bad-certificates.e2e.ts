// Files that will not do: one clear line each, exit 2, nothing touched, and the running registry goes on.
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
const middle = make({ subject: '/CN=Company Issuing', extensions: CA, by: ca });
const site = make({ subject: `/CN=${NAME}`, extensions: SAN, by: ca });
const deep = make({ subject: `/CN=${NAME}`, extensions: SAN, by: middle });
const encrypted = (key: string) =>
  openssl('pkey', '-in', file(key), '-aes256', '-passout', 'pass:open sesame');
const now = Date.now();
const stamp = (days: number) => new Date(now + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');
/** @param days from today, negative for the past */
function dated(from: number, to: number) {
  const request = file(
    openssl(
      'req',
      '-new',
      '-key',
      file(site.key),
      '-subj',
      `/CN=${NAME}`,
      '-config',
      file('[req]\ndistinguished_name=n\n[n]\n'),
    ),
  );
  const config = file(
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${file('')}\nnew_certs_dir=/tmp\nserial=${file('01')}\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\n${SAN.join('\n')}\n`,
  );
  return openssl(
    'ca',
    '-batch',
    '-notext',
    '-config',
    config,
    '-in',
    request,
    '-cert',
    file(ca.cert),
    '-keyfile',
    file(ca.key),
    '-startdate',
    stamp(from),
    '-enddate',
    stamp(to),
  ).toString();
}

beforeAll(async () => {
  server = await startServer();
  await run(server, `--yes --auth none --host ${NAME}`);
  before = { files: await files(server), changes: await server.changes(), container: await running(server) };
});
afterAll(removeAll);

const CERT = '--cert site.crt --key site.key';
const SIGN = '--ca-cert ca.crt --ca-key ca.key';
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
    'an expired certificate',
    CERT,
    { 'site.crt': dated(-20, -10) + ca.cert, 'site.key': site.key },
    /ended|expired/,
  ],
  [
    'one that is not valid yet',
    CERT,
    { 'site.crt': dated(10, 20) + ca.cert, 'site.key': site.key },
    /not valid (yet|before)|begins|starts/,
  ],
  [
    'a CA as the certificate of the site',
    CERT,
    { 'site.crt': ca.cert, 'site.key': ca.key },
    /is the certificate of a CA, not of a server/,
  ],
  [
    'another name',
    `${CERT} --san other.example`,
    { 'site.crt': whole, 'site.key': site.key },
    /the certificate is not for other\.example; it is for registry\.example/,
  ],
  [
    'a common name alone',
    CERT,
    {
      'site.crt': make({ subject: `/CN=${NAME}`, extensions: SITE, by: ca, key: site.key }).cert + ca.cert,
      'site.key': site.key,
    },
    /has only a common name \("registry\.example"\); Docker wants subjectAltName/,
  ],
  [
    'a missing intermediate',
    CERT,
    { 'site.crt': deep.cert + ca.cert, 'site.key': deep.key },
    /Company Issuing/,
  ],
  [
    'a private key among the certificates',
    CERT,
    { 'site.crt': whole + site.key, 'site.key': site.key },
    /a private key lies among the certificates/,
  ],
  [
    'a wrong passphrase',
    CERT,
    { 'site.crt': whole, 'site.key': encrypted(site.key) },
    /the passphrase does not open this file/,
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
  ['an empty file', CERT, { 'site.crt': '', 'site.key': site.key }, /this file is empty/],
  [
    'a key in the place of the certificate',
    CERT,
    { 'site.crt': site.key, 'site.key': site.key },
    /this is a private key, not a certificate/,
  ],
  [
    'a certificate in the place of the key',
    CERT,
    { 'site.crt': whole, 'site.key': site.cert },
    /this is a certificate, not a private key/,
  ],
  [
    'a file that was cut off',
    CERT,
    { 'site.crt': whole.slice(0, 300), 'site.key': site.key },
    /ends in the middle/,
  ],
  [
    '10 MB of noise',
    CERT,
    { 'site.crt': randomBytes(10_000_000), 'site.key': site.key },
    /too large for a certificate or a key: 9\.5 MB/,
  ],
  [
    'a little noise',
    CERT,
    { 'site.crt': randomBytes(3000), 'site.key': site.key },
    /neither a certificate nor a key/,
  ],
  ['no such file', '--cert none.crt --key none.key', {}, /--cert \S*none\.crt: there is no such file/],
  ['a directory', '--cert /root/folder --key /root/folder', {}, /--cert \/root\/folder.*directory/],
  [
    'a CA that is none',
    SIGN,
    { 'ca.crt': site.cert, 'ca.key': site.key },
    /is not the certificate of a CA: it lacks CA:TRUE/,
  ],
  [
    'a CA that may not sign',
    SIGN,
    (() => {
      const mute = make({
        subject: '/CN=Mute',
        extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'],
      });
      return { 'ca.crt': mute.cert, 'ca.key': mute.key };
    })(),
    /may not sign|keyCertSign/,
  ],
  [
    'the key of another CA',
    SIGN,
    { 'ca.crt': ca.cert, 'ca.key': newKey() },
    /--ca-key \S*ca\.key: this key belongs to no certificate/,
  ],
  [
    'an intermediate CA without its root',
    SIGN,
    { 'ca.crt': middle.cert, 'ca.key': middle.key },
    /Company Root/,
  ],
  [
    'a locked key of a CA and no passphrase',
    SIGN,
    { 'ca.crt': ca.cert, 'ca.key': encrypted(ca.key) },
    /passphrase/,
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
