// Whether a certificate is for a name: compared with what openssl and Go say, and over real connections.
import { X509Certificate } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { servedChain } from '../../../src/client/chain.ts';
import { handshake } from '../../../src/registry/handshake.ts';
import { ask, type Endpoint } from '../../../src/registry/http.ts';
import { isFor, OTHER_NAME, tlsOptions } from '../../../src/registry/server-identity.ts';
import { Secret } from '../../../src/secret.ts';
import { askGo, noGo } from '../../helpers/go-client.ts';
import { listening } from '../../helpers/listening.ts';
import { CA, type MadeCertificate, SITE, withOpenssl, workshop } from '../../helpers/openssl.ts';

afterEach(() => void vi.unstubAllEnvs());

withOpenssl(() => {
  const { dir, file, make, openssl } = workshop();
  const ca = make({ subject: '/CN=Company Root', extensions: CA });
  const made = new Map<string, MadeCertificate>();
  /** Made once for each names and subject. */
  function cert(names: string, subject = '/CN=site'): MadeCertificate {
    const extensions = [...SITE, ...(names ? [`subjectAltName=${names}`] : [])];
    const found = made.get(names + subject) ?? make({ subject, by: ca, extensions });
    made.set(names + subject, found);
    return found;
  }

  const ADDRESSES = 'IP:10.0.3.17,IP:2001:db8::17,IP:::1,IP:fe80::1,IP:::ffff:10.0.3.18';
  const HOSTS = 'DNS:Reg.example,DNS:*.lab.example,DNS:xn--bcher-kva.example,DNS:host';

  /** What openssl says. Newer ones also end with an error where it does not match. */
  function matches(pem: string, flag: string, name: string): boolean {
    try {
      return /does match/.test(openssl('x509', '-noout', flag, name, '-in', file(pem)).toString());
    } catch (error) {
      if (/does NOT match/.test((error as Error).message)) return false;
      throw error;
    }
  }

  describe('as openssl says it', () => {
    test.each([
      // certificate, what is asked for, whether it is for that
      [ADDRESSES, '10.0.3.17', true],
      [ADDRESSES, '10.0.3.19', false],
      [ADDRESSES, '::1', true],
      [ADDRESSES, '0:0:0:0:0:0:0:1', true],
      [ADDRESSES, '0000:0000::0001', true],
      [ADDRESSES, '2001:db8::17', true],
      [ADDRESSES, '2001:DB8:0:0:0:0:0:17', true],
      [ADDRESSES, '2001:db8::0.0.0.23', true],
      [ADDRESSES, '2001:db8::18', false],
      [ADDRESSES, '::ffff:10.0.3.18', true],
      [ADDRESSES, '10.0.3.18', false],
      ['DNS:10.0.3.17', '10.0.3.17', false],
      ['DNS:\\:\\:1', '::1', false],
      [HOSTS, 'reg.example', true],
      [HOSTS, 'REG.Example', true],
      [HOSTS, 'a.reg.example', false],
      [HOSTS, 'host', true],
      [HOSTS, 'a.lab.example', true],
      [HOSTS, 'xn--bcher-kva.lab.example', true],
      [HOSTS, 'a.b.lab.example', false],
      [HOSTS, 'lab.example', false],
      [HOSTS, 'xn--bcher-kva.example', true],
      ['DNS:*.*.example', 'a.b.example', false],
      ['DNS:a.*.example', 'a.b.example', false],
      ['DNS:*', 'host', false],
      [`${ADDRESSES},${HOSTS}`, 'site', false],
    ])('%s, asked for %s: %s', (names, name, wanted) => {
      const pem = cert(names).cert;
      const flag = /:|^[\d.]+$/.test(name) ? '-checkip' : '-checkhost';
      expect(isFor(new X509Certificate(pem), name)).toBe(wanted);
      expect(matches(pem, flag, name)).toBe(wanted);
    });
  });

  describe('as Go says it', () => {
    // openssl's own command also looks at the common name, takes a part of a label for a wildcard, and none below a top-level name.
    const rows: [string, string, boolean][] = [
      ['', 'site', false],
      ['', '10.0.3.17', false],
      ['email:ann@corp.example', 'site', false],
      ['DNS:*.lan', 'reg.lan', true],
      ['DNS:*.lan', 'a.reg.lan', false],
      ['DNS:*.lan', 'lan', false],
      ['DNS:reg*.corp.example', 'reg1.corp.example', false],
      ['DNS:*1.corp.example', 'reg1.corp.example', false],
      ['DNS:host', 'host.', true],
      ['IP:10.0.3.17', '10.0.3.17', true],
      ['IP:2001:db8::17', '2001:db8::17', true],
    ];
    test.each(rows)('%s, asked for %s: %s', async (names, name, wanted) => {
      const { cert: pem, key } = cert(names, `/CN=${name}`);
      expect(isFor(new X509Certificate(pem), name)).toBe(wanted);
      if (noGo) return;
      const [complaint] = await askGo({ chain: pem, key, roots: ca.cert }, [name], dir);
      expect(complaint === '').toBe(wanted);
    });
  });

  test('accepts any spelling of a name, and no name that stands for others', () => {
    const is = (names: string, name: string) => isFor(new X509Certificate(cert(names).cert), name);
    expect(is('IP:::1', '[::1]')).toBe(true);
    expect(is('IP:fe80::1', 'fe80::1%eth0')).toBe(true);
    expect(is('DNS:xn--bcher-kva.example', 'Bücher.example')).toBe(true);
    // To OpenSSL `.example` is every name below it.
    for (const name of ['', '.', '.example', '*.example', 'reg.example\0.evil.example'])
      expect(is('DNS:reg.example,DNS:*.example', name), name).toBe(false);
  });

  describe('over a connection', () => {
    const NAMES = 'IP:10.0.3.17,IP:2001:db8::17,DNS:reg.example';
    const CALLED = ['10.0.3.17', '2001:db8::17', '[2001:db8::17]', '[2001:DB8:0:0:0:0:0:17]', 'reg.example'];
    const OTHERS = ['127.0.0.1', '10.0.3.18', '[2001:db8::18]', 'localhost', 'other.example', 'site'];
    let site: MadeCertificate;
    let heard: string[];
    beforeAll(() => {
      site = cert(NAMES);
    });

    /** A server that is reached by 127.0.0.1, which is not in its certificate. */
    async function serve(chain = site, trusted = ca.cert) {
      heard = [];
      const server = createServer({ cert: chain.cert, key: chain.key }, ({ headers }, reply) => {
        heard.push(headers.authorization ?? '-');
        reply.end('{}');
      });
      const port = await listening(server);
      return (host: string): Endpoint => ({ tls: true, host, port, connectTo: '127.0.0.1', ca: [trusted] });
    }

    const secret = { credentials: { user: 'ann', password: new Secret('pw') } };
    const answer = (at: Endpoint) =>
      ask(at, 'GET', '/v2/', secret).then(
        ({ status }) => status,
        ({ code }) => code,
      );

    test('a request accepts the server that was called, by address and by name', async () => {
      const at = await serve();
      expect(await Promise.all(CALLED.map((host) => answer(at(host))))).toEqual(CALLED.map(() => 200));
      heard = [];
      expect(await Promise.all(OTHERS.map((host) => answer(at(host))))).toEqual(OTHERS.map(() => OTHER_NAME));
      expect(heard, 'no request, and no password').toEqual([]);
    });

    test('a handshake checks the name that was called, not the address of the connection', async () => {
      const at = (await serve())('reg.example');
      const refused = async (name: string, roots = at.ca) => (await handshake(at, name, roots)).refused;
      expect(await Promise.all(CALLED.map((name) => refused(name)))).toEqual(CALLED.map(() => undefined));
      expect(await Promise.all(OTHERS.map((name) => refused(name)))).toEqual(OTHERS.map(() => OTHER_NAME));
      const stranger = make({ subject: '/CN=Company Root', extensions: CA }).cert;
      expect(await refused('reg.example', [stranger])).toMatch(/^UNABLE_TO|SIGNATURE/);
      expect((await servedChain(at)).map(String)).toEqual([site.cert]);
    });

    test('through a proxy as well', async () => {
      const at = (await serve())('reg.example');
      const proxy = createHttpServer().on('connect', (_, client) => {
        const upstream = connect(at.port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
        upstream.pipe(client).pipe(upstream);
        for (const end of [client, upstream]) end.on('error', () => end.destroy());
      });
      const via = `http://127.0.0.1:${await listening(proxy)}`;
      const hosts = [...CALLED, ...OTHERS];
      const answers = await Promise.all(hosts.map((host) => answer({ ...at, host, proxy: via })));
      expect(answers).toEqual(hosts.map((host) => (CALLED.includes(host) ? 200 : OTHER_NAME)));
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      heard = [];
      expect(await answer({ ...at, host: 'other.example', proxy: via })).toBe(OTHER_NAME);
      expect(await answer({ ...at, ca: undefined, proxy: via })).toMatch(/^UNABLE_TO|SIGNATURE/);
      expect(heard).toEqual([]);
    });

    test('NODE_TLS_REJECT_UNAUTHORIZED=0 switches nothing off', async () => {
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      const evil = make({ subject: '/CN=evil', extensions: [`subjectAltName=${NAMES}`] });
      const at = (await serve(evil))('reg.example');
      expect(await answer(at)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
      expect(await answer({ ...at, host: 'other.example', ca: [evil.cert] })).toBe(OTHER_NAME);
      expect((await handshake(at, 'reg.example', at.ca)).refused).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
      expect(heard, 'no password').toEqual([]);
      expect(await answer({ ...at, unverified: true }), 'a look at what is there').toBe(200);
    });

    test('a server without a certificate is refused', () => {
      const { checkServerIdentity } = tlsOptions({ host: 'reg.example' });
      const none = {} as PeerCertificate; // as Node gives it then
      expect(checkServerIdentity('reg.example', none)).toMatchObject({ code: OTHER_NAME });
    });
  });
});
