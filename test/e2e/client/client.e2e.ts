// `registry-setup --client`, from the line that the server printed: Docker 20.10, 26.1 and 28.5 with either image store, podman
// 4 and 5 become clients of each kind of registry in turn, push and pull, and are as they were before when it is undone.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { MEMORY, PASSWORD, pushAndPull, setUp, toolOf } from '../helpers/clients.ts';
import { install, run, startServer, troubles } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

const images = ['lab/hello:1' as const];
let server: Host;
let clients: Host[];
beforeAll(async () => {
  const network = await createNetwork('client');
  const started = await Promise.all([
    startServer({ images: ['registry:3', 'cesanta/docker_auth:1', 'lab/hello:1'] }, network),
    startHost({ flavour: 'bookworm', network, images }),
    startHost({ flavour: 'trixie', network, images }),
    startHost({ flavour: 'forky', network, images }),
    startHost({ flavour: 'forky', containerdStore: true, network, images }),
    startHost({ flavour: 'bookworm-podman', network, images }),
    startHost({ flavour: 'trixie-podman', network, images }),
  ]);
  [server, ...clients] = started as [Host, ...Host[]];
  await Promise.all(clients.map((host) => install(host)));
}, 240_000);
beforeEach(async () => {
  await Promise.all([server, ...clients].map((host) => host.reset(MEMORY)));
});
afterAll(removeAll);

/** A container that runs through everything; gives what would change if it were restarted. */
async function runSomething(host: Host) {
  const tool = toolOf(host);
  await host.sh(`${tool} run -d --name keep --entrypoint sleep lab/hello:1 1000`);
  return () => host.sh(`${tool} inspect --format '{{.State.StartedAt}} {{.State.Running}}' keep`);
}

const without = (word: string, list: string[]) => list.filter((line) => !line.includes(word));

const kinds: [string, string][] = [
  ['insecure', '--tls insecure'],
  ['self-signed', '--tls self-signed'],
  ['ca-signed', '--tls ca-signed'],
  ['ca-signed with tokens', '--tls ca-signed --auth token'],
];

// tls-modes.e2e.ts has clients of a self-signed one.
describe.each(chosen(kinds, ([name]) => name !== 'self-signed'))('a registry that is %s', (name, flags) => {
  it('one line trusts the registry and logs in; a second run does nothing; --undo leaves no trace', async () => {
    const line = await setUp(server, flags);
    const joined = clients.map(async (client, i) => {
      const started = await runSomething(client);
      const before = await started();
      const state = await client.changes();
      // That one engine asks the token server by the system's roots; see client-changes.
      const blind = name.includes('tokens') && client === clients[3];
      if (blind) return;

      const { stderr } = await run(client, line, { input: PASSWORD });
      expect(stderr).toMatch(/Logged in as admin/);
      await pushAndPull(client, `${server.ip}:5000/team/app:${i}`);

      const again = await run(client, `${line} --json`, { input: PASSWORD });
      expect(JSON.parse(again.stdout)).toMatchObject({ version: 1, ok: true, changed: [], user: 'admin' });

      expect(await troubles(client)).toEqual([]);

      expect(await started()).toEqual(before);
      await run(client, '--client --undo --yes');
      expect(without('/etc/mtab', await client.changes())).toEqual(without('/etc/mtab', state));
      expect(await started()).toEqual(before);
    });
    await Promise.all(joined);
  });
});
