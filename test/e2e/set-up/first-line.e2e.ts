// The first line of the README, typed on a machine that has Node and the packages of the system and nothing else.
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createNetwork, type Host, removeAll, spawnPty, startHost } from '../../lab/host.ts';
import { login, pull, push } from '../helpers/machines.ts';
import { enterUntil, GO } from '../helpers/terminal.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });

const said = async (...words: string[]) => (await execa('npm', words, { stderr: 'ignore' })).stdout.trim();

/** npm as this machine has it: Debian's own brings some hundred packages. Its settings go along, so that it gets to a registry there. */
async function giveNpm(host: Host): Promise<NodeJS.ProcessEnv> {
  await host.copyIn(`${await said('root', '--global')}/npm`, '/usr/local/lib/node_modules/npm');
  await host.sh(`cd /usr/local/bin
    for name in npm npx; do ln -s ../lib/node_modules/npm/bin/$name-cli.js $name; done`);
  const settings = await Promise.all(
    ['userconfig', 'globalconfig'].map(async (name) =>
      readFile(await said('config', 'get', name), 'utf8').catch(() => ''),
    ),
  );
  await host.write('/root/.npmrc', settings.join('\n'), 0o600);
  const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name));
  return { ...Object.fromEntries(proxies), NPM_CONFIG_REGISTRY: await said('config', 'get', 'registry') };
}

let server: Host;
let dev: Host;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  const network = await createNetwork('first');
  [server, dev] = await Promise.all([
    startHost({ flavour: 'trixie-bare', name: 'first', network }),
    startHost({ flavour: 'trixie', name: 'first-dev', network, images: ['lab/hello:1'] }),
  ]);
  env = await giveNpm(server);
  const checkout = await execa('git', ['archive', 'HEAD'], { encoding: 'buffer', maxBuffer: 2 ** 26 });
  await server.exec(['sh', '-c', 'mkdir /root/registry-setup && tar -C /root/registry-setup -x'], {
    input: checkout.stdout,
  });
});
afterAll(removeAll);

it('npm ci && npm start, and Enter all the way: a registry that accepts a push over TLS with a password', async () => {
  const pty = spawnPty(server, 'npm ci && npm start', { cwd: '/root/registry-setup', env });
  await pty.waitFor(/^\? What should run the registry/m, 300_000);
  expect(await enterUntil(pty, GO)).toContain('install the package docker-registry');
  await pty.waitFor(/^\? Go ahead/m);
  pty.key('enter');
  await pty.waitFor(/The same again without questions/, 200_000);
  expect(await pty.exitCode, pty.screen()).toBe(0);
  const [, password = ''] = /^ {2}admin +(\S{20,})$/m.exec(pty.screen()) ?? [];
  const address = `${server.ip}:5000`;
  await dev.write(`/etc/docker/certs.d/${address}/ca.crt`, await server.read('/opt/registry/certs/ca.crt'));
  await login(dev, address, 'admin', password);
  expect(await push(dev, `${address}/team/app:1`)).toBe(await pull(dev, `${address}/team/app:1`));
});
