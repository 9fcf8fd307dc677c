// A real Go client, which is what Docker and podman are to a registry: the go command itself, asking a module proxy over TLS.
// It brings its own crypto/x509 and has to compile nothing. An HTTP proxy leads every name to the server under test.
import { execFile, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, isIPv6, type Server } from 'node:net';
import { join } from 'node:path';

export interface Serving {
  /** PEM: the certificate, then what is sent with it. */
  chain: string;
  key: string;
  /** PEM: the roots that the client knows. */
  roots: string;
}

const go = ['go', '/usr/local/go/bin/go'].find((command) => spawnSync(command, ['version']).status === 0);

/** Why no Go client can be asked; undefined where one can. */
export const noGo = go ? undefined : 'there is no go on this machine';

async function listen(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

/**
 * Serves a chain, and lets Go call it by each name.
 * @param dir for files that may be thrown away
 * @returns one answer a name: '' when Go accepts what is served (it hears a 404 then), else its complaint
 */
export async function askGo({ chain, key, roots }: Serving, names: string[], dir: string): Promise<string[]> {
  // The level 0, so that what OpenSSL would not serve (SHA-1) comes before Go's eyes at all.
  const server = createServer({ cert: chain, key, ciphers: 'DEFAULT@SECLEVEL=0' }, (_, response) =>
    response.writeHead(404).end(),
  );
  const proxy = createHttpServer().on('connect', (_, client) => {
    const upstream = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    upstream.pipe(client).pipe(upstream);
    for (const end of [client, upstream]) end.on('error', () => end.destroy());
  });
  const [port, proxyPort] = await Promise.all([listen(server), listen(proxy)]);
  const trusted = join(dir, `roots-${port}.pem`);
  writeFileSync(trusted, roots);
  const env = {
    PATH: process.env.PATH,
    HOME: dir,
    GOPATH: join(dir, 'go'),
    GOENV: 'off',
    GOSUMDB: 'off',
    GOTOOLCHAIN: 'local',
    GOTELEMETRY: 'off',
    GOFLAGS: '-modcacherw',
    HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`,
    SSL_CERT_FILE: trusted,
    SSL_CERT_DIR: '/nonexistent',
  };
  const ask = (name: string) =>
    new Promise<string>((done) => {
      const GOPROXY = `https://${isIPv6(name) ? `[${name}]` : name}:${port}`;
      const options = { cwd: dir, env: { ...env, GOPROXY } };
      execFile(go ?? '', ['mod', 'download', 'a.test/a@v1.0.0'], options, (_, out, text) =>
        done(text.includes('404 Not Found') ? '' : out + text),
      );
    });
  const answers = await Promise.all(names.map(ask));
  for (const each of [server, proxy]) {
    each.closeAllConnections();
    each.close();
  }
  rmSync(trusted);
  return answers;
}
