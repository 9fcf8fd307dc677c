// Faults of a connection, made with real servers and certificates of openssl: each is seen by its own code.
import { createServer as plain } from 'node:http';
import { createServer as secure } from 'node:https';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { makeSelfSigned } from '../../../src/certificates/pki.ts';
import type { Asked } from '../../../src/doctor/check.ts';
import { encryption } from '../../../src/doctor/client/encryption.ts';
import { mirrors } from '../../../src/doctor/client/mirrors.ts';
import { proxy } from '../../../src/doctor/client/proxy.ts';
import { trust } from '../../../src/doctor/client/trust.ts';
import { upload } from '../../../src/doctor/client/upload.ts';
import { certificate } from '../../../src/doctor/connection/certificate.ts';
import { leads } from '../../../src/doctor/connection/leads.ts';
import { reach } from '../../../src/doctor/connection/reach.ts';
import { codes, dockerTarget, doctorInput, testMachine, withDocker } from '../../helpers/doctor-input.ts';
import { listening } from '../../helpers/listening.ts';
import { newKey, SITE, withOpenssl, workshop } from '../../helpers/openssl.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';

const key = newKey();
const DAY = 86_400_000;
/** An address of this machine that is no loopback: Docker takes every registry on loopback without TLS. */
const own =
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';

/** It has no other: nothing can be asked as a machine elsewhere is. */
const alone = own === '127.0.0.1';

const answer: Parameters<typeof plain>[1] = (_, reply) =>
  void reply.setHeader('docker-distribution-api-version', 'registry/2.0').end('{}');

async function everywhere(server: Server): Promise<number> {
  onTestFinished(() => void server.close());
  await new Promise<void>((done) => server.listen(0, done));
  return (server.address() as { port: number }).port;
}

const asked = (host: string, port: number, connectTo?: string): Asked => ({
  address: `${host}:${port}`,
  at: { tls: true, host, port, connectTo },
});
const overTls = (cert: string, handler = answer) => listening(secure({ key, cert }, handler));
const selfSigned = (names: string[], begin = -DAY, days = 30) =>
  makeSelfSigned({ names, days, keyPem: key, now: new Date(Date.now() + begin + DAY) });

const CONNECTION = [reach, certificate];
const seen = (registry: Asked) =>
  codes(doctorInput(testMachine().host, { registries: [registry] }), ...CONNECTION);

test.skipIf(noRegistry)('a healthy registry has no trouble', async () => {
  const { at } = await startRegistry();
  expect(await seen({ address: `registry.test:${at.port}`, at })).toEqual([]);
});

test('a good certificate has no trouble', async () => {
  expect(await seen(asked('127.0.0.1', await overTls(selfSigned(['127.0.0.1']))))).toEqual([]);
});

test('nothing listens', async () => {
  const server = createServer();
  const port = await listening(server as never);
  await new Promise((done) => server.close(done));
  expect(await seen(asked('127.0.0.1', port))).toEqual(['nothing-listens']);
});

test('a name that nobody knows', async () => {
  expect(await seen(asked('registry.invalid', 5000))).toEqual(['no-such-host']);
});

test('a server that accepts the connection and says nothing', async () => {
  const port = await listening(createServer(() => {}) as never);
  expect(await seen(asked('127.0.0.1', port))).toEqual(['tls-handshake-timeout']);
}, 30_000);

test('a connection that is broken off', async () => {
  const port = await listening(
    createServer(
      (socket) => void socket.on('error', () => {}).once('data', () => socket.resetAndDestroy()),
    ) as never,
  );
  expect(await seen(asked('127.0.0.1', port))).toEqual(['broken-off']);
});

test('a web page, and a server that is no web server', async () => {
  const page = await listening(plain((_, reply) => void reply.end('<html>')));
  const ssh = await listening(
    createServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n')) as never,
  );
  expect(await seen(asked('127.0.0.1', page))).toEqual(['not-a-registry']);
  expect(await seen(asked('127.0.0.1', ssh))).toEqual(['not-a-registry']);
});

test('answers without an end: much at once, and byte by byte', async () => {
  const flood = await listening(
    plain((_, reply) => {
      const more = () => {
        while (!reply.destroyed && reply.write(Buffer.alloc(65_536, '['))) {}
      };
      more();
      reply.on('drain', more);
    }),
  );
  const drip = await listening(
    plain((_, reply) => {
      const timer = setInterval(() => reply.write(' '), 500);
      reply.on('close', () => clearInterval(timer));
    }),
  );
  const found = await Promise.all(
    [flood, drip].map((port) =>
      reach.look(doctorInput(testMachine().host, { registries: [asked('127.0.0.1', port)] })),
    ),
  );
  for (const one of found)
    expect(one).toMatchObject([
      { code: 'not-a-registry', cause: expect.stringContaining('its answer to /v2/ does not end') },
    ]);
}, 30_000);

test('a registry that fails', async () => {
  const port = await listening(plain((_, reply) => void reply.writeHead(503).end('unavailable')));
  expect(await seen(asked('127.0.0.1', port))).toEqual(['registry-fails']);
});

test('certificates of other dates', async () => {
  expect(await seen(asked('127.0.0.1', await overTls(selfSigned(['127.0.0.1'], -40 * DAY))))).toEqual([
    'expired',
  ]);
  expect(await seen(asked('127.0.0.1', await overTls(selfSigned(['127.0.0.1'], 5 * DAY))))).toEqual([
    'not-yet-valid',
  ]);
  expect(await seen(asked('127.0.0.1', await overTls(selfSigned(['127.0.0.1'], -27 * DAY))))).toEqual([
    'ends-soon',
  ]);
});

test('certificates of other names', async () => {
  const byName = await overTls(selfSigned(['registry.example']));
  expect(await seen(asked('127.0.0.1', byName))).toEqual(['no-ip-san']);
  expect(await seen(asked('reg.example', byName, '127.0.0.1'))).toEqual(['other-name']);
});

withOpenssl(() => {
  const { make } = workshop();
  test('a certificate with a common name only', async () => {
    const { cert } = make({ key, subject: '/CN=reg.example', extensions: SITE });
    expect(await seen(asked('reg.example', await overTls(cert), '127.0.0.1'))).toEqual(['common-name-only']);
  });
});

test('a wrong clock is named in place of the certificate, and says by how much', async () => {
  const late: typeof answer = (_, reply) => {
    reply.setHeader('date', new Date(Date.now() - 90 * DAY).toUTCString());
    reply.setHeader('docker-distribution-api-version', 'registry/2.0').end('{}');
  };
  const wrong = await overTls(selfSigned(['127.0.0.1'], -90 * DAY), late);
  const good = await overTls(selfSigned(['127.0.0.1']), late);
  const look = async (port: number) =>
    (await certificate.look(doctorInput(testMachine().host, { registries: [asked('127.0.0.1', port)] })))[0];
  expect(await look(wrong)).toMatchObject({ code: 'wrong-clock', severity: 'broken' });
  expect(await look(good)).toMatchObject({ code: 'wrong-clock', severity: 'risk' });
  expect((await look(good))?.cause).toContain('90 days ahead of');
});

test.skipIf(alone)('plain HTTP that Docker asks for TLS, and TLS that it does not verify', async () => {
  const http = await everywhere(plain(answer));
  const tls = await everywhere(secure({ key, cert: selfSigned([own]) }, answer));
  const look = (insecure: string[], port: number) => {
    const machine = testMachine();
    withDocker(machine, { insecure });
    return codes(doctorInput(machine.host, { registries: [asked(own, port)] }), encryption);
  };
  expect(await look([], http)).toEqual(['http-to-https']);
  expect(await look([`${own}:${http}`], http)).toEqual([]);
  expect(await look([], tls)).toEqual([]);
  expect(await look([`${own}:${tls}`], tls)).toEqual(['tls-but-insecure']);
  expect(await look([`${own}/8`], tls)).toEqual(['tls-but-insecure']);
});

test.skipIf(alone)('an authority that Docker does not know, and one that it does', async () => {
  const cert = selfSigned([own]);
  const registry = asked(own, await everywhere(secure({ key, cert }, answer)));
  const machine = testMachine();
  withDocker(machine);
  const look = () =>
    trust.look(
      doctorInput(machine.host, { registries: [registry], targets: [dockerTarget(registry.address)] }),
    );
  expect(await look()).toMatchObject([
    { code: 'unknown-authority', cause: expect.stringContaining('holds no CA') },
  ]);
  machine.put(
    `/etc/docker/certs.d/${registry.address}/ca.crt`,
    makeSelfSigned({ names: [own], days: 30, keyPem: newKey() }),
  );
  expect(await look()).toMatchObject([
    { code: 'unknown-authority', cause: expect.stringContaining('none of the CAs') },
  ]);
  machine.put(`/etc/docker/certs.d/${registry.address}/ca.crt`, cert);
  expect(await look()).toEqual([]);
});

test.skipIf(alone)('proxies that catch the registry, without their passwords', async () => {
  const port = await everywhere(plain(answer));
  const machine = testMachine();
  withDocker(machine, { proxy: 'http://ann:secret@proxy.corp:3128' });
  machine.install('podman');
  machine.says['podman info'] = { stdout: '{}' };
  const env = { HTTP_PROXY: 'http://proxy.corp:3128' };
  const found = await proxy.look(doctorInput(machine.host, { registries: [asked(own, port)], env }));
  expect(found.map(({ code }) => code)).toEqual(['proxy-daemon', 'proxy-shell']);
  expect(JSON.stringify(found)).not.toContain('secret');
  const left = { ...env, NO_PROXY: own };
  expect(
    await codes(doctorInput(machine.host, { registries: [asked(own, port)], env: left }), proxy),
  ).toEqual(['proxy-daemon']);
});

test('a mirror that does not answer, beside one that does', async () => {
  const port = await listening(plain(answer));
  const machine = testMachine();
  withDocker(machine, { mirrors: [`http://127.0.0.1:${port}/`, 'http://127.0.0.1:9/'] });
  const found = await mirrors.look(doctorInput(machine.host));
  expect(found).toMatchObject([{ code: 'mirror-silent', cause: expect.stringContaining('127.0.0.1:9') }]);
});

test.skipIf(noRegistry)(
  'a proxy that refuses large layers, and one that does not tell the registry its name',
  async () => {
    const { at } = await startRegistry();
    /** Something like nginx in front of the real registry. */
    const front = (limit: number, name: string | undefined) =>
      listening(
        plain((request, reply) => {
          reply.setHeader('server', 'nginx/1.26');
          if (Number(request.headers['content-length'] ?? 0) > limit) return void reply.writeHead(413).end();
          const headers = { ...request.headers, host: name ?? request.headers.host };
          const onward = {
            host: '127.0.0.1',
            port: at.port,
            method: request.method,
            path: request.url,
            headers,
          };
          const sent = import('node:http').then(({ request: ask }) =>
            ask(onward as never, (answered) => {
              reply.writeHead(answered.statusCode ?? 502, { ...answered.headers, server: 'nginx/1.26' });
              answered.pipe(reply);
            }),
          );
          void sent.then((to) => request.pipe(to.on('error', () => reply.destroy())));
        }),
      );
    const look = async (port: number) =>
      codes(doctorInput(testMachine().host, { registries: [asked('127.0.0.1', port)] }), upload);
    expect(await look(await front(1024 ** 2, undefined))).toEqual(['body-too-large']);
    expect(await look(await front(Number.MAX_VALUE, 'inner:5000'))).toEqual(['wrong-location']);
    expect(await look(at.port)).toEqual([]);
  },
);

test('a line of the hosts file that leads to a machine that is no registry', async () => {
  const page = await listening(plain((_, reply) => void reply.end('<html>')));
  const machine = testMachine();
  machine.put('/etc/hosts', '127.0.0.1 localhost\n127.0.0.1 registry.example # since May\n');
  machine.says['getent -s dns ahosts registry.example'] = { stdout: '192.0.2.7 STREAM registry.example\n' };
  const found = await leads.look(
    doctorInput(machine.host, { registries: [asked('registry.example', page, '127.0.0.1')] }),
  );
  expect(found).toMatchObject([{ code: 'dns-elsewhere', mend: [expect.stringContaining('sed -i 2d')] }]);
});

test.skipIf(alone)(
  'the name of a server that leads to another machine, and one that a machine in front hands on',
  async () => {
    const page = await everywhere(plain((_, reply) => void reply.end('<html>')));
    const front = await everywhere(plain(answer));
    const look = (port: number) => {
      const machine = testMachine();
      // As if the address were that of another machine.
      machine.host = { ...machine.host, machine: { ...machine.host.machine, addresses: [] } };
      machine.says['getent ahosts reg.example'] = { stdout: `${own} STREAM reg.example\n` };
      const settings = { host: 'reg.example', port, dir: '/opt/registry', tls: 'insecure' };
      const registry = asked('reg.example', port, '127.0.0.1');
      const server = { settings, certificates: {} };
      return codes(doctorInput(machine.host, { registries: [registry], server }), leads);
    };
    expect(await look(page)).toEqual(['dns-elsewhere']);
    expect(await look(front)).toEqual([]);
  },
);
