// Certificates at the terminal: what is urgent is said first, and a passphrase is asked for without being shown.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { CA, workshop } from '../../helpers/openssl.ts';
import { type Host, removeAll, spawnPty } from '../../lab/host.ts';
import { age, inFile, onWire, roots } from '../helpers/certificates.ts';
import { run, startServer } from '../helpers/machines.ts';

let server: Host;
const { make, openssl, file } = workshop();
beforeAll(async () => {
  server = await startServer();
});
beforeEach(() => server.reset());
afterAll(removeAll);
const AT = '127.0.0.1:5000';
const SET_UP = '--yes --auth none --host registry.example';

it.each([
  ['ends in 9 days', 10, 'The site certificate ends in 9 days.'],
  ['ended 4 days ago', -3, 'The certificate ended on '],
])(
  'a certificate that %s: that is said first, and Enter rotates it',
  { timeout: 120_000 },
  async (_, left, words) => {
    await run(server, SET_UP);
    await server.sh(`${age({ life: 397, left })}; docker restart registry`);
    const [old, root] = [await inFile(server), await roots(server)];
    const pty = spawnPty(server, 'registry-setup');
    const screen = await pty.waitFor(/rotate the certificate now/, 30_000);
    expect(screen).toContain(words);
    expect(screen.indexOf(words)).toBeLessThan(screen.search(/What would you like to do/));
    expect(screen).toMatch(/[❯>] rotate the certificate now/);
    pty.key('enter');
    await pty.waitFor(/Replace the certificate of registry\.example:5000\?/, 30_000);
    pty.key('enter');
    await pty.waitFor(/No client has to do anything/, 60_000);
    expect(await pty.exitCode).toBe(0);
    expect(await inFile(server)).not.toBe(old);
    expect(await roots(server)).toEqual(root);
    expect(await onWire(server, AT)).toBe(await inFile(server));
  },
);

it('a certificate far from its end: rotation is offered, but not preselected', async () => {
  await run(server, SET_UP);
  const pty = spawnPty(server, 'registry-setup');
  const screen = await pty.waitFor(/rotate the certificate now/, 30_000);
  expect(screen).not.toContain('The site certificate');
  expect(screen).toMatch(/[❯>] change settings/);
  pty.key('ctrl-c');
  expect(await pty.exitCode).toBe(130);
});

it('a key with a passphrase: asks for it, masked; a wrong one is refused and nothing changes', {
  timeout: 120_000,
}, async () => {
  const ca = make({ subject: '/CN=Company Root', extensions: CA });
  await server.copyIn(file(ca.cert), '/root/ca.crt');
  const locked = openssl('pkey', '-in', file(ca.key), '-aes256', '-passout', 'pass:open sesame');
  await server.copyIn(file(locked), '/root/ca.key');
  await run(server, `${SET_UP} --ca-cert /root/ca.crt --ca-key /root/ca.key`, {
    env: { REGISTRY_SETUP_PASSPHRASE: 'open sesame' },
  });
  const old = await inFile(server);

  const wrong = spawnPty(server, 'registry-setup rotate');
  await wrong.waitFor(/Passphrase of \/root\/ca\.key/, 30_000);
  wrong.type('no such word');
  wrong.key('enter');
  await wrong.waitFor(/the passphrase does not open this file/, 30_000);
  expect(await wrong.exitCode).toBe(2);
  expect(await inFile(server)).toBe(old);

  const pty = spawnPty(server, 'registry-setup rotate');
  await pty.waitFor(/Passphrase of \/root\/ca\.key/, 30_000);
  pty.type('open sesame');
  expect(await pty.waitFor(/\*{5}|•{5}|Passphrase/)).not.toContain('open sesame');
  pty.key('enter');
  await pty.waitFor(/Replace the certificate/, 30_000);
  pty.key('enter');
  await pty.waitFor(/No client has to do anything/, 60_000);
  expect(await pty.exitCode).toBe(0);
  expect(pty.history()).not.toContain('open sesame');
  expect(await inFile(server)).not.toBe(old);
  expect(await onWire(server, AT)).toBe(await inFile(server));
});
