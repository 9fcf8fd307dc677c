// Certificates that a person brings along: a CA that signs, or a ready certificate, in every form in which they are handed out.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CA, type MadeCertificate, newKey, SITE, workshop } from '../../helpers/openssl.ts';
import { removeAll } from '../../lab/host.ts';
import {
  distrust,
  files,
  fingerprint,
  inFile,
  installGoClient,
  onWire,
  refusals,
  roots,
  roundTrip,
  trustRoots,
} from '../helpers/certificates.ts';
import { nameHost, refused, run, startTeam, type Team } from '../helpers/machines.ts';

let team: Team;
let at: string;
const { make, openssl, file } = workshop();
const NAME = 'registry.example';
const ca = make({ subject: '/CN=Company Root', extensions: CA });
const middle = make({
  subject: '/CN=Company Issuing',
  extensions: [...CA, 'authorityKeyIdentifier=keyid'],
  by: ca,
});
const names = [...SITE, `subjectAltName=DNS:${NAME},DNS:server1`];
const below = (by: MadeCertificate, key?: string) =>
  make({ subject: `/CN=${NAME}`, extensions: names, by, ...(key && { key }) });
const site = below(middle);

beforeAll(async () => {
  team = await startTeam();
  await installGoClient(team.dev);
  at = `${team.server.name}:5000`;
  expect(team.server.name).toBe('server1');
});
beforeEach(async () => {
  await team.server.reset();
  await distrust(team.dev);
});
afterAll(removeAll);

/** Puts files on the server, sets up with them, and has Docker and the others call it with the company's root alone. */
async function servedWith(given: Record<string, string | Buffer>, flags: string, env = {}, host = NAME) {
  const { server, dev } = team;
  for (const [name, content] of Object.entries(given)) {
    await server.copyIn(file(content), `/root/${name}`);
    await server.sh(`chmod 600 /root/${name}`);
  }
  await nameHost(dev, NAME, server.ip);
  const said = await run(server, `--yes --auth none --host ${host} ${flags}`, { cwd: '/root', env });
  expect(await onWire(dev, at)).toBe(await inFile(server));
  await trustRoots(dev, ca.cert, `${NAME}:5000`);
  await roundTrip(dev, `${NAME}:5000/team/app:1`);
  // Strictly, as the others ask it of ours, openssl wants key ids, which the company's certificates lack.
  const complaints = await refusals(dev, `${NAME}:5000`, ca.cert);
  expect(complaints.filter((text) => !text.startsWith('openssl'))).toEqual([]);
  const { stdout } =
    await dev.sh(`openssl s_client -connect ${NAME}:5000 -verify_return_error -verify_hostname ${NAME} \
    -CAfile /tmp/root.pem -no-CApath -no-CAstore -purpose sslserver </dev/null 2>&1 | grep 'Verify return code'`);
  expect(stdout).toContain('0 (ok)');
  expect((await roots(server)).map(fingerprint)).toEqual([fingerprint(ca.cert)]);
  return said;
}

const encrypted = (key: string, ...how: string[]) =>
  openssl('pkey', '-in', file(key), '-aes256', '-passout', 'pass:open sesame', ...how);
const pfx = (...more: string[]) =>
  openssl(
    'pkcs12',
    '-export',
    '-inkey',
    file(site.key),
    '-in',
    file(site.cert),
    '-certfile',
    file(middle.cert + ca.cert),
    '-passout',
    'pass:open sesame',
    ...more,
  );
const OPEN = { REGISTRY_SETUP_PASSPHRASE: 'open sesame' };

describe('--ca-cert --ca-key: a CA that signs', () => {
  const flags = '--ca-cert ca.crt --ca-key ca.key';

  it('an EC CA signs; a rotation signs again, and the key is never copied', async () => {
    const { server, dev } = team;
    await servedWith({ 'ca.crt': ca.cert, 'ca.key': ca.key }, flags);
    const first = await inFile(server);
    await run(server, 'rotate --yes');
    expect(await inFile(server)).not.toBe(first);
    await roundTrip(dev, `${NAME}:5000/team/app:2`);
    await server.write('/tmp/lines', ca.key.split('\n').slice(1, -2).join('\n'));
    expect((await server.sh('grep -rlFf /tmp/lines /opt/registry || true')).stdout).toBe('');
  });

  it('a key with a passphrase, from REGISTRY_SETUP_PASSPHRASE; what needs no signature needs no passphrase', async () => {
    const { server } = team;
    const said = await servedWith({ 'ca.crt': ca.cert, 'ca.key': encrypted(ca.key) }, flags, OPEN);
    expect(said.stderr).toContain(
      'has a passphrase: the timer can renew only with REGISTRY_SETUP_PASSPHRASE',
    );
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    const before = await files(server);
    expect(await refused(server, 2, 'rotate --yes')).toContain('has a passphrase, and none was given');
    expect(await files(server)).toEqual(before);
    await run(server, 'rotate --yes', { env: OPEN });
    expect((await server.sh('grep -rl "open sesame" /opt/registry /etc/systemd || true')).stdout).toBe('');
  });

  it('an intermediate CA with its chain, and an RSA one', async () => {
    await servedWith({ 'ca.crt': middle.cert + ca.cert, 'ca.key': middle.key }, flags);
    await team.server.reset();
    const rsa = make({ subject: '/CN=Company RSA', extensions: CA, by: ca, key: newKey(2048) });
    await servedWith(
      { 'ca.crt': ca.cert + rsa.cert, 'ca.key': openssl('rsa', '-in', file(rsa.key), '-traditional') },
      flags,
    );
  }, 120_000);
});

describe('--cert --key: an existing certificate', () => {
  const flags = '--cert site.crt --key site.key';
  const key = { 'site.key': site.key };
  const forms: [string, Record<string, string | Buffer>, string, RegExp?][] = [
    ['with its whole chain', { 'site.crt': site.cert + middle.cert + ca.cert, ...key }, flags],
    [
      'in the wrong order',
      { 'site.crt': ca.cert + middle.cert + site.cert, ...key },
      flags,
      /not in chain order/,
    ],
    [
      'without the root, which --ca-cert gives',
      { 'site.crt': site.cert + middle.cert, 'ca.crt': ca.cert, ...key },
      `${flags} --ca-cert ca.crt`,
    ],
    [
      'alone, and --ca-cert gives the rest',
      { 'site.crt': site.cert, 'ca.crt': ca.cert + middle.cert, ...key },
      `${flags} --ca-cert ca.crt`,
    ],
    [
      'in DER, the key too',
      {
        'site.crt': openssl('x509', '-in', file(site.cert), '-outform', 'DER'),
        'site.key': openssl('pkey', '-in', file(site.key), '-outform', 'DER'),
        'ca.crt': middle.cert + ca.cert,
      },
      `${flags} --ca-cert ca.crt`,
    ],
    [
      'with a SEC1 key',
      { 'site.crt': site.cert + middle.cert + ca.cert, 'site.key': openssl('ec', '-in', file(site.key)) },
      flags,
    ],
    [
      'with an encrypted key',
      { 'site.crt': site.cert + middle.cert + ca.cert, 'site.key': encrypted(site.key) },
      flags,
    ],
    ['as a PFX file', { 'site.pfx': pfx() }, '--cert site.pfx'],
    [
      'as an old PFX file',
      { 'site.pfx': pfx('-legacy', '-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES') },
      '--cert site.pfx',
    ],
  ];
  it.each(forms)('%s', async (_, given, words, warning) => {
    const { stderr } = await servedWith(given, words, OPEN);
    if (warning) expect(stderr).toMatch(warning);
    // The files may go afterwards: what is served is kept.
    await team.server.sh('rm /root/site.* /root/ca.* 2>/dev/null || true');
    expect((await run(team.server, '--yes')).stderr).toContain('Nothing to do');
  });

  it('a new file is served after rotate, or by the timer; the same file again is reported', async () => {
    const { server, dev } = team;
    const chain = (leaf: MadeCertificate) => leaf.cert + middle.cert + ca.cert;
    await servedWith({ 'site.crt': chain(site), ...key }, flags);
    expect(await refused(server, 2, 'rotate --yes')).toMatch(
      /is the one that is served; it ends in (99|100) days/,
    );
    const next = below(middle, newKey(2048));
    await server.copyIn(file(chain(next)), '/root/site.crt');
    const before = await files(server);
    // Half of it is there: nothing happens to what is served.
    expect(await refused(server, 2, 'rotate --yes --if-expiring 30')).toContain('belongs to no certificate');
    expect(await files(server)).toEqual(before);
    await server.copyIn(file(next.key), '/root/site.key');
    await run(server, 'rotate --yes --if-expiring 30');
    expect(await onWire(dev, at)).toBe(fingerprint(next.cert));
    await roundTrip(dev, `${NAME}:5000/team/app:2`);
  });
});
