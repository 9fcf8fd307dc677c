// Files that will not do: one clear line each, exit 2, and nothing is touched. (By the built program, on a machine: test/e2e.)
import { randomBytes } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { errorDocument, errorLines } from '../../src/terminal/output.ts';
import { runCommand } from '../helpers/context.ts';
import { CA, newKey, SITE, withOpenssl, workshop } from '../helpers/openssl.ts';
import { machine } from '../helpers/plans.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
// RSA keys take their time, and none of these files has to do with one of ours.
vi.mock('../../src/certificates/site.ts', async (original) => ({
  ...(await original<typeof import('../../src/certificates/site.ts')>()),
  makeKeys: () => ({ ca: async () => KEY, site: async () => KEY, token: async () => KEY }),
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: 200, headers: {}, body: Buffer.alloc(0) }),
}));

const KEY = newKey();

withOpenssl(() => {
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

  const CERT = '--cert /root/in/site.crt --key /root/in/site.key';
  const SIGN = '--ca-cert /root/in/ca.crt --ca-key /root/in/ca.key';
  type Case = [string, string, Record<string, string | Buffer>, RegExp];
  const whole = site.cert + ca.cert;
  const cases: Case[] = [
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
      /a private key is among the certificates/,
    ],
    [
      'a wrong passphrase',
      CERT,
      { 'site.crt': whole, 'site.key': encrypted(site.key) },
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
      'a little noise',
      CERT,
      { 'site.crt': randomBytes(3000), 'site.key': site.key },
      /neither a certificate nor a key/,
    ],
    [
      'no such file',
      '--cert /root/in/none.crt --key /root/in/none.key',
      {},
      /--cert \S*none\.crt: there is no such file/,
    ],
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
    const host = machine();
    await runCommand(host, `--yes --auth none --host ${NAME}`);
    host.put('/root/folder/.keep', '');
    for (const [name, content] of Object.entries(given)) host.put(`/root/in/${name}`, content);
    const before = host.snapshot();
    const env = { REGISTRY_SETUP_PASSPHRASE: 'a wrong one' };
    const error = await runCommand(host, `--yes ${flags}`, { env }).then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toMatchObject({ exitCode: 2 });
    // One line that tells it, and what to do: no stack, no log, nothing of the key.
    const lines = errorLines(error, false, (_, text) => text);
    expect(lines.join('\n')).toMatch(message);
    expect(lines.join('\n').split('\n').length).toBeLessThanOrEqual(3);
    expect(lines.join('\n')).not.toMatch(/ at \S+:\d+:\d+|PRIVATE KEY-----/);
    expect(errorDocument(error)).toMatchObject({ ok: false });
    expect(host.snapshot()).toEqual(before);
  });
});
