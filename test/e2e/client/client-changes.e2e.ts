// A developer machine in the course of time: another mode, another CA, a wrong word, Ctrl-C; and the one case that takes a restart.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, spawnPty, startHost } from '../../lab/host.ts';
import { MEMORY, PASSWORD, pushAndPull, setUp } from '../helpers/clients.ts';
import { install, refused, run, startServer } from '../helpers/machines.ts';

let server: Host;
let client: Host;
let blind: Host;
beforeAll(async () => {
  const network = await createNetwork('client-changes');
  const images = ['lab/hello:1' as const];
  [server, client, blind] = await Promise.all([
    startServer({ images: ['registry:3', 'cesanta/docker_auth:1', 'lab/hello:1'] }, network),
    startHost({ flavour: 'bookworm', network, images }),
    startHost({ flavour: 'forky', containerdStore: true, network, images }),
  ]);
  await Promise.all([client, blind].map((host) => install(host)));
});
beforeEach(async () => {
  await Promise.all([server, client, blind].map((host) => host.reset(MEMORY)));
});
afterAll(removeAll);

const join = (line: string) => run(client, line, { input: PASSWORD });
const image = () => `${server.ip}:5000/team/app:1`;

it('TLS to plain HTTP needs --undo first; plain HTTP to TLS removes what only plain HTTP needed', async () => {
  await join(await setUp(server, '--tls ca-signed'));
  await pushAndPull(client, image());
  const plain = await setUp(server, '--tls insecure');
  expect(plain).toContain(`--host http://${server.ip}:5000`);
  expect(await refused(client, 2, plain, { input: PASSWORD })).toContain('used TLS before');
  await run(client, `--client --undo --yes --host ${server.ip}`);
  expect(await client.changes()).toEqual([]);
  await join(plain);
  expect(await client.changes()).not.toContainEqual(expect.stringContaining('certs.d'));
  await pushAndPull(client, image());
  await join(await setUp(server, '--tls ca-signed'));
  expect((await client.sh('docker info')).stdout).not.toContain(`${server.ip}:5000`);
  await pushAndPull(client, image());
});

it('two registries at once, and undone at once: both are trusted, then nothing is left', async () => {
  await setUp(server, '--tls insecure');
  const names = ['one.test', 'two.test'];
  const each = (line: (name: string) => string) => Promise.all(names.map((name) => join(line(name))));
  await each(
    (name) =>
      `--client --yes --host http://${name}:5000 --address ${server.ip} --user admin --password-stdin`,
  );
  for (const name of names) await pushAndPull(client, `${name}:5000/team/app:1`);
  await each((name) => `--client --undo --yes --host ${name}`);
  expect(await client.changes()).toEqual([]);
});

it('a CA that is replaced: both roots are trusted, and each alone is enough', async () => {
  const line = await setUp(server, '--tls ca-signed');
  await join(line);
  await run(server, 'rotate --ca --yes');
  await join(line);
  const folder = `/etc/docker/certs.d/${server.ip}:5000`;
  expect((await client.sh(`ls ${folder}`)).stdout).toMatch(/^ca-[0-9a-f]{8}\.crt\nca\.crt\n$/);
  for (const gone of ['ca.crt', 'ca-*.crt']) {
    await client.sh(`mkdir -p /tmp/aside && mv ${folder}/${gone} /tmp/aside`);
    await pushAndPull(client, image());
    await client.sh(`mv /tmp/aside/* ${folder}`);
  }
  await run(client, '--client --undo --yes');
  expect(await client.changes()).toEqual([]);
});

it('a wrong fingerprint, a wrong password, TLS that is gone, no terminal to confirm on: exit 2, nothing is written', async () => {
  const line = await setUp(server, '--tls ca-signed');
  const other = Array(32).fill('AB').join(':');
  const wrong = line.replace(/--ca-fingerprint \S+/, `--ca-fingerprint ${other}`);
  expect(await refused(client, 2, wrong, { input: PASSWORD })).toMatch(/wanted: AB:.*\n.*served: /);
  expect(await refused(client, 2, line, { input: 'other' })).toContain('refuses admin with this password');
  expect(await refused(client, 2, line.replace('--yes ', ''), { input: PASSWORD })).toContain(
    'no terminal to confirm on',
  );
  await setUp(server, '--tls insecure');
  expect(await refused(client, 2, line, { input: PASSWORD })).toContain('speaks plain HTTP');
  expect(await client.changes()).toEqual([]);
});

it('a daemon.json that Docker would not start with is reported before the change, and stays', async () => {
  const line = await setUp(server, '--tls insecure');
  await client.write('/etc/docker/daemon.json', '{\n  "debug": true,\n}\n');
  const before = await client.changes();
  expect(await refused(client, 2, line, { input: PASSWORD })).toContain('daemon.json, line 2, column 16');
  expect(await client.changes()).toEqual(before);
});

it('Docker does not run: the files are written, and take effect when it starts', async () => {
  const line = await setUp(server, '--tls insecure');
  await client.sh('systemctl stop docker.socket docker');
  expect((await join(line)).stderr).toContain('takes effect when it starts');
  await client.sh('systemctl reset-failed docker docker.socket; systemctl start docker');
  expect((await join(line)).stderr).toContain('Logged in as admin');
  await pushAndPull(client, image());
});

describe('at a terminal', () => {
  it('the fingerprint is compared, the password is asked for until it is right', async () => {
    const line = await setUp(server, '--tls ca-signed');
    const shown = /--ca-fingerprint (\S{48})/.exec(line)?.[1] ?? '';
    const pty = spawnPty(client, 'registry-setup --client');
    await pty.waitFor(/Registry/);
    pty.type(`https://${server.ip}:5000/`);
    pty.key('enter');
    expect(await pty.waitFor(/fingerprint that the server showed\?/)).toContain(shown);
    pty.type('y');
    pty.key('enter');
    await pty.waitFor(/Log in as/);
    pty.key('enter');
    await pty.waitFor(/Password of admin/);
    pty.type('wrong');
    pty.key('enter');
    await pty.waitFor(/refuses admin/);
    pty.key('enter');
    await pty.waitFor(/refuses admin(.|\n)*Password of admin/);
    pty.type(PASSWORD);
    pty.key('enter');
    expect(await pty.exitCode).toBe(0);
    await pushAndPull(client, image());
  });

  it('Ctrl-C at the fingerprint: nothing was changed', async () => {
    await setUp(server, '--tls ca-signed');
    const pty = spawnPty(client, `registry-setup --client --host ${server.ip}`);
    await pty.waitFor(/fingerprint that the server showed\?/);
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
    expect(await client.changes()).toEqual([]);
  });
});

it('tokens and the containerd image store: reports what fails without a restart, and works with one', async () => {
  const line = await setUp(server, '--tls ca-signed --auth token');
  const { stderr } = await run(blind, line, { input: PASSWORD });
  expect(stderr).toContain('Login works, push and pull do not');
  await expect(pushAndPull(blind, image())).rejects.toThrow('unknown authority');
  await run(blind, `${line} --restart-docker`, { input: PASSWORD });
  await pushAndPull(blind, image());
  expect((await run(blind, line, { input: PASSWORD })).stderr).toContain('Nothing to do');
  await run(blind, '--client --undo --yes');
  expect(await blind.changes()).toEqual([]);
});
