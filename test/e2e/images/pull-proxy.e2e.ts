// An image that does not come, on a server that is behind a proxy: what stands in the way is said, with what to paste.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { refused, startServer } from '../helpers/machines.ts';

let server: Host;
beforeAll(async () => {
  server = await startServer({ images: [] });
});
afterAll(removeAll);

const DROP_IN = '/etc/systemd/system/docker.service.d/proxy.conf';

async function proxyIs(value: string) {
  await server.write(DROP_IN, `[Service]\nEnvironment="HTTPS_PROXY=${value}"\n`);
  await server.sh('systemctl daemon-reload; systemctl reset-failed docker; systemctl restart docker');
}

it('a proxy that does not answer: it is named, without its password, and the run ends', async () => {
  const deaf = `import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 3128))\ns.listen(9)\nkept = []\nwhile True: kept.append(s.accept())`;
  await server.write('/root/deaf.py', deaf);
  await server.sh('python3 /root/deaf.py >/dev/null 2>&1 & disown');
  await proxyIs('http://me:geheim@127.0.0.1:3128');
  const said = await refused(server, 1, '--yes', { seconds: 90 });
  expect(said).toContain(`Docker goes through the proxy http://127.0.0.1:3128, set in ${DROP_IN}`);
  expect(said).toContain('curl -sSI -x http://127.0.0.1:3128 https://registry-1.docker.io/v2/');
  expect(said).toContain('Everything was put back as it was.');
  expect(said).not.toContain('geheim');
}, 120_000);

it('a proxy where nobody listens', async () => {
  await proxyIs('http://127.0.0.1:9');
  expect(await refused(server, 1, '--yes')).toContain('Docker goes through the proxy http://127.0.0.1:9');
});

it('this shell has a proxy and Docker has none: the lines that are shown give it to Docker', async () => {
  await server.sh(
    `rm ${DROP_IN}; systemctl daemon-reload; systemctl reset-failed docker; systemctl restart docker`,
  );
  const env = { HTTPS_PROXY: 'http://me:ge%40heim@127.0.0.1:9', NO_PROXY: 'localhost' };
  const said = await refused(server, 1, '--yes --image no.such.example/registry:3', { env });
  expect(said).toContain('Docker has none of its own.');
  expect(said).not.toContain('heim');
  const lines = said.split('\n').map((line) => line.trim());
  const from = lines.findIndex((line) => line.startsWith('install -D'));
  const to = lines.findIndex((line) => line.startsWith('systemctl daemon-reload'));
  await server.sh(`systemctl reset-failed docker\n${lines.slice(from, to + 1).join('\n')}`, { env });
  const { stdout } = await server.sh(
    `systemctl show -p Environment docker; docker info; stat -c %a ${DROP_IN}`,
  );
  expect(stdout).toContain('HTTPS_PROXY=http://me:ge%40heim@127.0.0.1:9');
  expect(stdout).toContain('HTTPS Proxy: http://xxxxx:xxxxx@127.0.0.1:9');
  expect(stdout).toMatch(/^600$/m);
});
