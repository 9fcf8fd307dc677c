// Servers with neither Docker nor podman, and a person at a terminal: each answer leads to a registry, or leaves everything as it was.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createNetwork, type Flavour, type Host, removeAll, spawnPty, startHost } from '../../lab/host.ts';
import type { Pty } from '../../lab/pty.ts';
import { install, login, pull, push, refused, run } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';
import { accept, answer, enterUntil, GO, question } from '../helpers/terminal.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

// The image comes from a file: Docker Hub is not everywhere.
const ARCHIVE = '--image-archive /lab/registry-3.tar';
const ENGINE = 'What should run the registry';

// apt and docker.io of an older suite take the same way.
const flavours = chosen<Flavour>(['trixie-bare', 'bookworm-bare'], (flavour) => flavour === 'trixie-bare');
describe.each(flavours)('%s', (flavour) => {
  let server: Host;
  let dev: Host;
  let address: string;
  beforeAll(async () => {
    const network = await createNetwork(`none-${flavour}`);
    [server, dev] = await Promise.all([
      startHost({ flavour, name: `srv-${flavour}`, network }),
      startHost({ flavour: 'trixie', name: `dev-${flavour}`, network, images: ['lab/hello:1'] }),
    ]);
    address = `${server.ip}:5000`;
    await install(server);
    await server.sh('apt-get update -q');
  });
  afterAll(removeAll);

  /** Without what apt counts among the base of Debian, and keeps for good. */
  const packages = async () => {
    const list = `dpkg-query -W -f '\${Package} \${Status}\n' | grep 'ok installed' | cut -d' ' -f1`;
    return (await server.sh(`${list} | grep -vx adduser`)).stdout;
  };

  /** Another machine pushes and pulls, with the password that the wizard has shown. */
  async function prove(end: string) {
    expect(end).toContain('Your registry: https://');
    const [, password = ''] = /^ {2}admin +(\S{20,})$/m.exec(end) ?? [];
    await dev.write(`/etc/docker/certs.d/${address}/ca.crt`, await server.read('/opt/registry/certs/ca.crt'));
    await login(dev, address, 'admin', password);
    expect(await push(dev, `${address}/team/app:1`)).toBe(await pull(dev, `${address}/team/app:1`));
    await run(server, 'status');
  }

  /** Answers the first question, and takes what every other one offers, up to the review. */
  async function choose(pty: Pty, down: number): Promise<string> {
    await question(pty, ENGINE);
    for (let i = 0; i < down; i++) pty.key('down');
    pty.key('enter');
    return enterUntil(pty, GO);
  }

  /** Removes it, by questions; `engine` is what is answered to the last one. */
  async function uninstall(engine?: string): Promise<string> {
    const pty = spawnPty(server, 'registry-setup uninstall --purge');
    await answer(pty, 'Type', server.ip);
    if (engine !== undefined) await answer(pty, 'Docker was installed', engine);
    expect(await pty.exitCode, pty.screen()).toBe(0);
    return pty.screen();
  }

  it('"nothing" leaves everything as it is', async () => {
    const pty = spawnPty(server, 'registry-setup');
    expect(await question(pty, ENGINE)).toContain('Neither Docker nor podman');
    pty.key('up', 'enter');
    expect(await pty.exitCode).toBe(130);
    expect(await server.changes()).toEqual([]);
  });

  it('the machine itself, by Enter: a registry that another machine can use', async () => {
    const before = await packages();
    const pty = spawnPty(server, 'registry-setup');
    expect(await choose(pty, 0)).toContain('install the package docker-registry');
    await prove(await accept(pty));
    await uninstall();
    expect(await packages()).toBe(before);
  });

  it('Docker is in the plan, with or without a terminal, and "no" installs nothing', async () => {
    const { stdout } = await run(server, `--yes --engine docker ${ARCHIVE} --dry-run`);
    expect(stdout).toMatch(/package docker\.io +new\n +apt-get install/);
    expect(stdout).toContain('docker run -d');
    const pty = spawnPty(server, `registry-setup ${ARCHIVE}`);
    expect(await choose(pty, 1)).toMatch(/install the package docker\.io and what it needs\n +start Docker/);
    expect(await server.sh('command -v docker || true')).toMatchObject({ stdout: '' });
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
    expect(await server.sh('command -v docker || true')).toMatchObject({ stdout: '' });
  });

  it('Docker is removed again when the setup fails half-way', async () => {
    const before = await packages();
    const said = await refused(server, 1, '--yes --engine docker --image no.such.example/registry:3', {
      seconds: 240,
    });
    expect(said).toContain('Docker is not here: it is installed from the package docker.io');
    expect(said).toContain('Everything was put back as it was.');
    expect(await packages()).toBe(before);
    const { stdout } = await server.sh(
      'ls -A /opt /var/lib/docker /var/lib/containerd; ip link show docker0 2>&1 || true',
    );
    expect(stdout).toMatch(/does not exist/);
    expect(stdout).not.toMatch(/overlay|snapshot|registry/);
  });

  it('Docker from the packages: a registry that another machine can use; uninstall leaves Docker by default', async () => {
    const pty = spawnPty(server, `registry-setup ${ARCHIVE}`, { cols: 120, rows: 40 });
    await choose(pty, 1);
    await question(pty, GO);
    pty.key('enter');
    await pty.waitFor(/Started Docker/, 180_000);
    expect(await pty.exitCode, pty.screen()).toBe(0);
    const isCommand = (line: string) => /^ {4}(npx |docker |registry-setup )/.test(line);
    expect(
      pty
        .history()
        .split('\n')
        .filter((line) => line.length > 80 && !isCommand(line)),
    ).toEqual([]);
    await prove(pty.screen());
    await server.reboot();
    await server.sh('for i in {1..60}; do registry-setup status && exit 0; sleep 0.5; done; exit 1');
    expect(await uninstall('')).toContain('Docker was installed for the registry and stays');
    expect((await server.sh('docker ps -aq')).stdout).toBe('');
  });
});

describe('without a terminal', () => {
  let server: Host;
  beforeAll(async () => {
    const network = await createNetwork('quiet');
    server = await startHost({ flavour: 'trixie-bare', name: 'quiet', network });
    await install(server);
  });
  afterAll(removeAll);

  it('killed while apt works: the next run waits for apt, and removes Docker', async () => {
    await server.sh(
      `registry-setup --yes --engine docker ${ARCHIVE} >/dev/null 2>&1 & run=$!
       until pgrep -x dpkg >/dev/null && grep -q package /opt/registry/.state/journal; do sleep 0.1; done
       kill -9 $run`,
    );
    const { stderr } = await run(server, 'uninstall --yes', { seconds: 240 });
    expect(stderr).toContain('was interrupted. Undoing');
    const { stdout } = await server.sh(
      'pgrep -x apt-get || true; dpkg --audit; command -v dockerd || true; ls -A /opt',
    );
    expect(stdout).toBe('');
  });

  it('--engine docker installs Docker; uninstall --with-engine removes it, unless others use it', async () => {
    await run(server, `--yes --engine docker ${ARCHIVE}`, { seconds: 240 });
    await server.sh('docker run -d --name web --entrypoint sleep registry:3 600');
    const said = await refused(server, 2, 'uninstall --yes --with-engine');
    expect(said).toContain('the container web');
    await run(server, 'status');
    await server.sh('docker rm -fv web');
    await run(server, 'uninstall --yes --purge --with-engine', { seconds: 240 });
    const { stdout } = await server.sh('command -v docker || true; ls -A /opt /var/lib/docker');
    expect(stdout.split('\n').filter((line) => line && !line.endsWith(':'))).toEqual([]);
  });
});
