// `registry-setup --client`, from the line that the server printed: Docker 20.10, 26.1 and 28.5 with either image store, podman
// 4 and 5 become clients of each kind of registry in turn, push and pull, and are as they were before when it is undone.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../lab/host.ts';
import { install, refused, run, startServer } from './machines.ts';

const PASSWORD = 'pass-word 1';
const images = ['lab/hello:1' as const];
let server: Host;
let clients: Host[];
beforeAll(async () => {
  const network = await createNetwork('client');
  const started = await Promise.all([
    startServer({}, network),
    startHost({ flavour: 'bookworm', network, images }),
    startHost({ flavour: 'trixie', network, images }),
    startHost({ flavour: 'forky', network, images }),
    startHost({ flavour: 'forky', containerdStore: true, network, images }),
    startHost({ flavour: 'bookworm-podman', network, images }),
    startHost({ flavour: 'trixie-podman', network, images }),
  ]);
  [server, ...clients] = started as [Host, ...Host[]];
  await Promise.all(clients.map(install));
}, 240_000);
beforeEach(async () => {
  await Promise.all([server, ...clients].map((host) => host.reset()));
});
afterAll(removeAll);

const toolOf = ({ flavour }: Host) => (flavour.endsWith('podman') ? 'podman' : 'docker');

/** Sets the registry up; gives the flags of the line for developer machines. */
async function setUp(flags: string): Promise<string> {
  const { stderr } = await run(server, `--yes ${flags} --password-stdin`, { input: PASSWORD });
  const line = /npx registry-setup (--client .*)/.exec(stderr)?.[1];
  if (!line) throw new Error(`no line for developer machines in:\n${stderr}`);
  return `${line} --yes --password-stdin`;
}

/** A container that runs through everything; gives what would change if it were restarted. */
async function runSomething(host: Host) {
  const tool = toolOf(host);
  await host.sh(`${tool} run -d --name keep --entrypoint sleep lab/hello:1 1000`);
  return () => host.sh(`${tool} inspect --format '{{.State.StartedAt}} {{.State.Running}}' keep`);
}

async function pushAndPull(host: Host, name: string) {
  const tool = toolOf(host);
  await host.sh(`${tool} tag lab/hello:1 ${name} && ${tool} push -q ${name} && ${tool} rmi ${name}`);
  await host.sh(`${tool} pull -q ${name} && ${tool} rmi ${name}`);
}

const without = (word: string, list: string[]) => list.filter((line) => !line.includes(word));

describe.each([
  ['insecure', '--tls insecure'],
  ['self-signed', '--tls self-signed'],
  ['ca-signed', '--tls ca-signed'],
  ['ca-signed with tokens', '--tls ca-signed --auth token'],
])('a registry that is %s', (name, flags) => {
  it('one line, and it is trusted and logged in to; a second time nothing; undone without a trace', async () => {
    const line = await setUp(flags);
    const mirrored = clients.map(async (client, i) => {
      const started = await runSomething(client);
      const before = await started();
      const state = await client.changes();
      // That one engine asks the token server by the system's roots; see client-tokens.
      const blind = name.includes('tokens') && client === clients[3];
      if (blind) return;

      const { stderr } = await run(client, line, { input: PASSWORD });
      expect(stderr).toMatch(/Logged in as admin/);
      await pushAndPull(client, `${server.ip}:5000/team/app:${i}`);

      const again = await run(client, `${line} --json`, { input: PASSWORD });
      expect(JSON.parse(again.stdout)).toMatchObject({ version: 1, ok: true, changed: [], user: 'admin' });

      expect(await started()).toEqual(before);
      await run(client, '--client --undo --yes');
      expect(without('/etc/mtab', await client.changes())).toEqual(without('/etc/mtab', state));
      expect(await started()).toEqual(before);
    });
    await Promise.all(mirrored);
  });
});

it('from plain HTTP to TLS and back: what one needed is gone with the other', async () => {
  const [client] = clients as [Host];
  await run(client, await setUp('--tls insecure'), { input: PASSWORD });
  const secure = await setUp('--tls ca-signed');
  await run(client, secure, { input: PASSWORD });
  expect((await client.sh('docker info')).stdout).not.toContain(`${server.ip}:5000`);
  await pushAndPull(client, `${server.ip}:5000/team/app:1`);
  await run(client, await setUp('--tls insecure'), { input: PASSWORD });
  expect(await client.changes()).not.toContainEqual(expect.stringContaining('certs.d'));
  await pushAndPull(client, `${server.ip}:5000/team/app:2`);
  await run(client, '--client --undo --yes');
  expect(await client.changes()).toEqual([]);
});

it('a CA that is replaced: both roots side by side, and the old one gone when it is served no more', async () => {
  const [client] = clients as [Host];
  const line = await setUp('--tls ca-signed');
  await run(client, line, { input: PASSWORD });
  await run(server, 'rotate --ca --yes');
  await run(client, line, { input: PASSWORD });
  const folder = `/etc/docker/certs.d/${server.ip}:5000`;
  expect((await client.sh(`ls ${folder}`)).stdout).toMatch(/^ca-[0-9a-f]{8}\.crt\nca\.crt\n$/);
  const now = (await client.sh(`cat ${folder}/ca-*.crt`)).stdout;
  await server.sh('rm -r /opt/registry/ca/cross.crt');
  await pushAndPull(client, `${server.ip}:5000/team/app:1`);
  expect(now).toContain('BEGIN CERTIFICATE');
});

it('the wrong fingerprint, a wrong password, TLS that is not there: exit 2, and nothing is written', async () => {
  const [client] = clients as [Host];
  const line = await setUp('--tls ca-signed');
  const wrong = line.replace(
    /(--ca-fingerprint )../,
    (_, flag) => `${flag}${line.includes(`${flag}00`) ? '11' : '00'}`,
  );
  expect(await refused(client, 2, wrong, { input: PASSWORD })).toMatch(/wanted: (00|11):.*\n.*served: /);
  expect(await refused(client, 2, line, { input: 'other' })).toContain('refuses admin with this password');
  const plain = await setUp('--tls insecure');
  expect(await refused(client, 2, line, { input: PASSWORD })).toContain('speaks plain HTTP');
  expect(await refused(client, 2, plain.replace('--yes', ''), { input: PASSWORD })).toContain('say yes');
  expect(await client.changes()).toEqual([]);
});
