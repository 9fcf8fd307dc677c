// podman instead of Docker: found by itself, started with the machine, gone without a trace.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type Flavour, type Host, removeAll, startHost } from '../../lab/host.ts';
import { gapSeenBy } from '../helpers/certificates.ts';
import { install, run, troubles, until } from '../helpers/machines.ts';

const leftover = (line: string) => !/\/etc\/(cni|containers)\//.test(line);

describe.each<Flavour>(['bookworm-podman', 'trixie-podman'])('%s', (flavour) => {
  let server: Host;
  beforeAll(async () => {
    const network = await createNetwork(flavour);
    const images = ['registry:3' as const, 'cesanta/docker_auth:1' as const];
    server = await startHost({ flavour, name: flavour, network, images });
    await install(server);
  }, 300_000);
  afterAll(removeAll);

  const id = async () =>
    (await server.sh("podman inspect -f '{{.Id}} {{.State.StartedAt}}' registry")).stdout;

  it('--yes finds podman, and proves a push and a pull', async () => {
    const { stderr } = await run(server, '--yes');
    expect(stderr).toContain('A test image pushed, pulled and removed');
    expect((await run(server, 'status')).stdout).toContain('podman');
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    expect(await troubles(server)).toEqual([]);
  });

  it('a new user restarts nothing; a new certificate replaces the container', async () => {
    const before = await id();
    await run(server, 'user add ci --yes');
    expect(await id()).toBe(before);
    const { failed } = await gapSeenBy(server, `${server.ip}:5000`, () => run(server, 'rotate --yes'));
    expect(failed, 'who came meanwhile has waited').toBe(0);
    expect(await id()).not.toBe(before);
    expect((await server.sh('podman ps -a --format "{{.Names}}"')).stdout.trim()).toBe('registry');
  });

  it('token mode: two containers, and both start with the machine', async () => {
    const { stderr } = await run(server, '--yes --auth token --reader bob');
    expect(stderr).toContain('lets bob in');
    await server.reboot();
    await until(server, 'registry-setup status', 30);
    expect((await server.sh('podman ps --format "{{.Names}}" | sort')).stdout.split('\n')).toContain(
      'registry-auth',
    );
  }, 120_000);

  it('uninstall leaves nothing', async () => {
    await run(server, 'uninstall --yes --purge');
    expect((await server.changes()).filter(leftover)).toEqual([]);
    expect((await server.sh('podman ps -aq')).stdout).toBe('');
  });
});
