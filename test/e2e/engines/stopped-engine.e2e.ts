// A server whose Docker is installed and does not run: it is started after a yes, and stopped again when the set-up fails.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { removeAll, spawnPty } from '../../lab/host.ts';
import { login, pull, push, refused, run, startTeam, type Team } from '../helpers/machines.ts';
import { accept, answer, enterUntil, GO, question } from '../helpers/terminal.ts';

let team: Team;
beforeAll(async () => {
  team = await startTeam();
});
beforeEach(async () => {
  const { server } = team;
  await server.sh('systemctl enable -q --now docker.service docker.socket');
  await server.sh('registry-setup uninstall --yes --purge');
  await server.sh('systemctl reset-failed docker.service docker.socket');
});
afterAll(removeAll);

const ENGINE = 'What should run the registry';
const stop = (words = '') => team.server.sh(`systemctl ${words} --now docker.service docker.socket`);
/** Whether it runs, and whether it starts with the machine. */
const state = async () =>
  (
    await team.server.sh(
      'systemctl is-active docker docker.socket || true; systemctl is-enabled docker docker.socket || true',
    )
  ).stdout
    .trim()
    .split('\n');

const OFF = ['inactive', 'inactive', 'disabled', 'disabled'];

it('without a terminal the error says how to start Docker; nothing is started', async () => {
  await stop('disable -q');
  const said = await refused(team.server, 1, '--yes');
  expect(said).toContain('It does not start with this machine either.');
  expect(said).toContain('systemctl enable --now docker');
  expect(said).toContain('registry-setup --yes --engine docker');
  expect(await state()).toEqual(OFF);
});

it('"nothing" and Ctrl-C at the review start nothing', async () => {
  await stop('disable -q');
  const first = spawnPty(team.server, 'registry-setup');
  await question(first, ENGINE);
  first.key('up', 'enter');
  expect(await first.exitCode).toBe(130);
  const second = spawnPty(team.server, 'registry-setup');
  expect(await enterUntil(second, GO)).toContain('start Docker, now and with the machine');
  second.key('ctrl-c');
  expect(await second.exitCode).toBe(130);
  expect(await state()).toEqual(OFF);
  expect((await team.server.sh('ls -A /opt')).stdout).not.toContain('registry');
});

it('started after a yes, and with the machine: the registry comes back after a restart of it', async () => {
  const { server, dev } = team;
  await stop('disable -q');
  const pty = spawnPty(server, 'registry-setup');
  await enterUntil(pty, GO);
  const end = await accept(pty);
  const [, password = ''] = /^ {2}admin +(\S{20,})$/m.exec(end) ?? [];
  const address = `${server.ip}:5000`;
  await dev.write(`/etc/docker/certs.d/${address}/ca.crt`, await server.read('/opt/registry/certs/ca.crt'));
  await login(dev, address, 'admin', password);
  expect(await push(dev, `${address}/team/app:1`)).toBe(await pull(dev, `${address}/team/app:1`));
  await server.reboot();
  await server.sh('for i in {1..60}; do registry-setup status && exit 0; sleep 0.5; done; exit 1');

  const gone = spawnPty(server, 'registry-setup uninstall --purge');
  await answer(gone, 'Type', /Address +(\S+):5000/.exec(pty.history())?.[1] ?? '');
  await answer(gone, 'Docker was started for the registry', 'y');
  expect(await gone.exitCode, gone.screen()).toBe(0);
  expect((await state()).slice(0, 2)).toEqual(OFF.slice(0, 2));
});

it('a setup that fails stops Docker again', async () => {
  await stop('disable -q');
  const said = await refused(team.server, 1, '--yes --engine docker --image no.such.example/registry:3');
  expect(said).toContain('Docker is not running: it is started');
  expect(said).toContain('Everything was put back as it was.');
  expect(await state()).toEqual(OFF);
});

it('its containers are checked when it runs: one in the way is named, and Docker is stopped again', async () => {
  const { server } = team;
  await server.sh('docker run -d --restart always --name web -p 5000:5000 registry:3');
  await stop('disable -q');
  const said = await refused(server, 1, '--yes --engine docker');
  expect(said).toContain('Port 5000 is taken by the container "web"');
  expect(await state()).toEqual(OFF);
  await server.sh('systemctl enable -q --now docker.service docker.socket && docker rm -fv web');
});

it('an existing registry comes back with Docker', async () => {
  const { server } = team;
  await run(server, '--yes --tls insecure --auth none');
  await stop('disable -q');
  const pty = spawnPty(server, 'registry-setup');
  expect(await enterUntil(pty, GO)).toContain('start Docker');
  await accept(pty);
  await run(server, 'status');
  expect((await state())[2]).toBe('enabled');
});

it('warns about a Docker that does not start with the machine', async () => {
  const { server } = team;
  await server.sh('systemctl disable -q docker');
  const { stderr } = await run(server, '--yes --tls insecure --auth none');
  expect(stderr).toMatch(/does not start with this machine.*systemctl enable docker/);
});

it('a user who may not talk to Docker gets an error', async () => {
  const { server } = team;
  await server.sh('useradd -m ann');
  const { code, stderr } = await server.sh(
    'runuser -u ann -- registry-setup --yes --dir /home/ann/registry',
    {
      check: false,
    },
  );
  expect(code).toBe(1);
  expect(stderr).toContain('This user may not talk to Docker.');
  expect(stderr).toContain('sudo registry-setup');
  await server.sh('userdel -r ann 2>/dev/null');
});
