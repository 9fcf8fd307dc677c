// A dockerd that is started with --insecure-registry: with the same list in daemon.json it would not start again. It is found, told,
// moved when that is allowed, and it never fails to start.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { MEMORY } from '../helpers/clients.ts';
import { install, refused, run, startServer } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

let server: Host;
let clients: Record<string, Host>;
beforeAll(async () => {
  const network = await createNetwork('client-flags');
  const [first, ...hosts] = await Promise.all([
    startServer({}, network),
    startHost({ flavour: 'bookworm', network }),
    startHost({ flavour: 'trixie', network }),
    startHost({ flavour: 'forky', network }),
  ]);
  server = first as Host;
  clients = Object.fromEntries(hosts.map((host) => [host.flavour, host]));
  await Promise.all(hosts.map((host) => install(host)));
  await run(server, '--yes --tls insecure --auth none');
}, 240_000);
beforeEach(async () => {
  await Promise.all(Object.values(clients).map((host) => host.reset(MEMORY)));
});
afterAll(removeAll);

const FLAG = '--insecure-registry 10.9.9.9:5000';
const restart = 'systemctl daemon-reload && systemctl reset-failed docker && systemctl restart docker';
const command = 'grep ^ExecStart= "$(systemctl show -p FragmentPath --value docker)"';

/** Where the flag may stand, as a script that puts it there. */
const places: [string, string][] = [
  ['/etc/default/docker', `echo 'DOCKER_OPTS="${FLAG}"' >>/etc/default/docker`],
  [
    'a drop-in',
    `mkdir -p /etc/systemd/system/docker.service.d
     printf '[Service]\\nExecStart=\\n%s \\\\\\n  %s\\n' "$(${command})" '${FLAG}' >/etc/systemd/system/docker.service.d/own.conf`,
  ],
  [
    'a unit of the machine',
    `sed 's|^ExecStart=.*|& ${FLAG}|' "$(systemctl show -p FragmentPath --value docker)" >/etc/systemd/system/docker.service`,
  ],
];

/** In no order: the engine has none. */
const insecure = async (host: Host) => {
  const { stdout } = await host.sh(`docker info | sed -n '/Insecure/,/Live/p'`);
  return stdout
    .match(/^ *\d+\.\d+\.\d+\.\d+:\d+$/gm)
    ?.map((entry) => entry.trim())
    .sort();
};

/** Each engine is asked about another place. */
const onePlace: Record<string, number> = { bookworm: 0, trixie: 1, forky: 2 };

describe.each(['bookworm', 'trixie', 'forky'])('%s', (flavour) => {
  it.each(chosen(places, (_, i) => i === onePlace[flavour]))('%s', async (_, put) => {
    const client = clients[flavour] as Host;
    await client.sh(`${put}\n${restart}`);
    const before = await client.changes();
    const line = `--client --yes --host http://${server.ip}:5000`;

    const said = await refused(client, 2, line);
    expect(said).toMatch(/\/etc\/\S+docker\S*, line \d+:\n(.*\n)?.*--insecure-registry/);
    expect(await client.changes()).toEqual(before);

    await run(client, `${line} --restart-docker`);
    expect(await insecure(client)).toEqual(['10.9.9.9:5000', `${server.ip}:5000`].sort());
    expect((await run(client, line)).stderr).toContain('Nothing to do');
    await client.sh(restart);
    expect(await insecure(client), 'it starts again').toEqual(['10.9.9.9:5000', `${server.ip}:5000`].sort());

    await run(client, '--client --undo --yes --restart-docker');
    expect(await client.changes()).toEqual(before);
    await client.sh(restart);
    expect(await insecure(client)).toEqual(['10.9.9.9:5000']);
  });
});

it('a flag that already names the registry: nothing is written', async () => {
  const client = clients.trixie as Host;
  await client.sh(
    `echo 'DOCKER_OPTS="--insecure-registry ${server.ip}:5000"' >>/etc/default/docker\n${restart}`,
  );
  expect((await run(client, `--client --yes --host http://${server.ip}:5000`)).stderr).toContain(
    'Nothing to do',
  );
});
