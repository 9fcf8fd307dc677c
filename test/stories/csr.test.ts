// `registry-setup csr` as a person runs it, judged by openssl, up to the certificate that comes back.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CA, withOpenssl, workshop } from '../helpers/openssl.ts';
import { CLI } from '../helpers/program.ts';
import { temporaryDirectory } from '../helpers/tmp.ts';

const run = (place: string, line: string) => {
  const words = line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? [];
  const env = { ...process.env, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(CLI, ['csr', ...words, '--dir', join(place, 'registry')], {
    cwd: place,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, said: stderr };
};

withOpenssl(() => {
  const openssl = workshop();

  test.each(['ecdsa', 'rsa'])('a request with a key of %s: names, subject, and a key that fits', (kind) => {
    const place = temporaryDirectory();
    const line = `--host reg.corp.de --san '*.reg.corp.de' --san 10.0.0.9 --key-type ${kind}`;
    const { status, said } = run(place, `${line} --organization 'Müller & Co' --unit IT --country de`);
    expect([status, said]).toEqual([0, expect.stringContaining('send it to your CA')]);
    const [request, key] = ['reg.corp.de.csr', 'reg.corp.de.key'].map((name) => join(place, name)) as [
      string,
      string,
    ];
    expect(statSync(key).mode & 0o777).toBe(0o600);
    const shown = openssl.openssl(
      ...['req', '-in', request, '-noout', '-verify', '-text', '-nameopt', 'utf8,sep_comma_plus'],
    );
    expect(shown.toString()).toContain('C=DE,O=Müller & Co,OU=IT,CN=reg.corp.de');
    expect(shown.toString()).toContain('DNS:reg.corp.de, DNS:*.reg.corp.de, IP Address:10.0.0.9');

    // Once more, while the certificate is on the way: the key stays.
    const before = readFileSync(key, 'utf8');
    expect(run(place, line).status).toBe(0);
    expect(readFileSync(key, 'utf8')).toBe(before);

    const ca = openssl.make({ subject: '/CN=Corp CA', extensions: CA });
    const signed = openssl.openssl(
      ...['x509', '-req', '-in', request, '-copy_extensions', 'copy', '-days', '30'],
      ...['-CA', openssl.file(ca.cert), '-CAkey', openssl.file(ca.key)],
    );
    writeFileSync(join(place, 'reg.corp.de.crt'), signed + ca.cert);
    const next = run(place, line).said.trimEnd().split('\n').at(-1)?.trim() ?? '';
    expect(next).toContain(`--cert ${join(place, 'reg.corp.de.crt')} --key ${key} --host reg.corp.de`);
  });

  test('nothing that is no request is written over', () => {
    const place = temporaryDirectory();
    writeFileSync(join(place, 'a.pem'), 'mine\n');
    writeFileSync(join(place, 'b.key'), 'mine\n');
    for (const line of [
      'a.pem --host reg.corp.de',
      'b.csr --host reg.corp.de',
      'nowhere/x.csr --host reg.corp.de',
      '',
      'c.csr --host reg.corp.de --country Germany',
      'x.key --host reg.corp.de',
    ])
      expect([line, run(place, line).status]).toEqual([line, 2]);
    expect(readFileSync(join(place, 'a.pem'), 'utf8') + readFileSync(join(place, 'b.key'), 'utf8')).toBe(
      'mine\nmine\n',
    );
  });
});
