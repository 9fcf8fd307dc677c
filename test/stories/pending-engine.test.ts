// A machine whose engine is not there, or does not run: in the plan, in the journal, and gone again when the run fails.
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { runCommand } from '../helpers/context.ts';
import { imageIdOf } from '../helpers/fake-docker.ts';
import { type EngineState, fakeEngine, NO_DAEMON } from '../helpers/fake-engine.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));

const PLAIN = '--tls insecure --auth none';
let host: FakeHost;
let heard: string[];
function machine(state: EngineState) {
  host = fakeHost();
  host.docker.remote['registry:3'] = imageIdOf('registry:3');
  heard = fakeEngine(host, state);
}
const titles = ({ documents }: Awaited<ReturnType<typeof runCommand>>) =>
  ((documents[0]?.changes ?? []) as { title: string }[]).map(({ title }) => title);
const dockerRuns = async () => (await host.run('docker', ['version'])).code === 0;
const ENGINE = 'What should run the registry';

describe('no Docker', () => {
  beforeEach(() => machine({ installed: false }));

  test('--engine docker --dry-run shows every step, and does nothing', async () => {
    const before = host.snapshot();
    const shown = titles(await runCommand(host, `--yes --engine docker --dry-run ${PLAIN}`));
    expect(shown.slice(0, 3)).toEqual(['package docker.io', 'Docker', 'image registry:3']);
    expect(shown).toContain('container registry');
    expect(host.snapshot()).toEqual(before);
  });

  test('--engine docker --yes installs Docker, and says so', async () => {
    const ran = await runCommand(host, `--yes --engine docker ${PLAIN}`);
    expect(ran.heard.join('\n')).toContain('Docker is not here: it is installed from the package docker.io');
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
    expect(await runCommand(host, '--yes')).toMatchObject({ documents: [{ changed: [] }] });
  });

  test('a package that starts nothing: Docker is started, now and with the machine', async () => {
    machine({ installed: false, quiet: true });
    await runCommand(host, `--yes --engine docker ${PLAIN}`);
    expect(heard).toContain('systemctl start docker.service');
    expect(heard).toContain('systemctl enable --quiet docker.service');
  });

  test('facts that were assumed about Docker are checked when it is installed', async () => {
    host.docker.info.LoggingDriver = 'local';
    await runCommand(host, `--yes --engine docker ${PLAIN}`);
    expect(host.docker.containers[0]?.args).not.toContain('--log-opt');
    expect(await runCommand(host, '--yes')).toMatchObject({ documents: [{ changed: [] }] });
  });

  test('a failure half-way removes Docker again', async () => {
    const before = host.snapshot();
    await expect(runCommand(host, `--yes --engine docker --image none:1 ${PLAIN}`)).rejects.toMatchObject({
      fix: expect.arrayContaining(['Everything was put back as it was.']),
    });
    expect(heard.join('\n')).toContain('purge -y -q docker.io');
    expect(host.snapshot()).toEqual(before);
  });

  test('uninstall leaves Docker, and says how to remove it', async () => {
    await runCommand(host, `--yes --engine docker ${PLAIN}`);
    const { heard: words, documents } = await runCommand(host, 'uninstall --yes');
    expect(words.join('\n')).toContain('was installed for the registry and stays');
    expect(documents[0]).toMatchObject({ engineKept: true });
    expect(await dockerRuns()).toBe(true);
    expect(host.docker.containers).toEqual([]);
  });

  test('uninstall --with-engine removes Docker, unless others use it', async () => {
    await runCommand(host, `--yes --engine docker ${PLAIN}`);
    const web = host.docker.foreign('web');
    await expect(runCommand(host, 'uninstall --yes --with-engine')).rejects.toMatchObject({
      message: expect.stringContaining('the container web'),
      exitCode: 2,
    });
    expect(host.docker.container('registry')).toMatchObject({ running: true });
    host.docker.containers = host.docker.containers.filter((other) => other !== web);
    delete host.docker.images['somebody/thing:1'];
    await runCommand(host, 'uninstall --yes --with-engine');
    expect(await dockerRuns()).toBe(false);
  });

  test('in the wizard Docker is a choice, is shown before anything happens, and is asked about at the end', async () => {
    const before = host.snapshot();
    const no = scripted([ENGINE, 'Docker, from the packages'], ['Go ahead', 'no']);
    const ran = await runCommand(host, PLAIN, { prompts: no });
    expect(ran.heard.join('\n')).toMatch(/install the package docker\.io and what it needs\n +start Docker/);
    expect(host.snapshot()).toEqual(before);

    await runCommand(host, PLAIN, { prompts: scripted([ENGINE, 'Docker, from the packages']) });
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
    const end = scripted(['Remove http://10.0.3.17:5000 (/opt/registry)?', true]);
    await runCommand(host, 'uninstall', { prompts: end });
    expect(end.transcript.at(-1)).toBe(
      'Docker was installed for the registry (package docker.io). Remove it? = no',
    );
    expect(await dockerRuns()).toBe(true);
  });

  test('the wizard says that neither is here', async () => {
    const prompts = scripted([ENGINE, 'Docker, from the packages'], ['Go ahead', 'no']);
    const ran = await runCommand(host, PLAIN, { prompts });
    expect(ran.heard).toContain('  Neither Docker nor podman is on this machine.');
  });

  test('"nothing" is 130, and nothing happens', async () => {
    const before = host.snapshot();
    const prompts = scripted([ENGINE, 'nothing']);
    await expect(runCommand(host, PLAIN, { prompts })).rejects.toMatchObject({ exitCode: 130 });
    expect(host.snapshot()).toEqual(before);
  });
});

describe('a Docker that does not run', () => {
  beforeEach(() => machine({ installed: true }));

  test('--yes alone starts nothing: the error says how to start Docker', async () => {
    const before = host.snapshot();
    await expect(runCommand(host, `--yes ${PLAIN}`)).rejects.toMatchObject({
      message: 'Docker is installed, but it is not running.',
      why: expect.stringContaining('does not start with this machine'),
      fix: expect.arrayContaining(['Start it:              systemctl enable --now docker']),
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('--engine docker starts it, and a failure stops it again', async () => {
    const before = host.snapshot();
    await expect(runCommand(host, `--yes --engine docker --image none:1 ${PLAIN}`)).rejects.toThrow();
    expect(host.snapshot()).toEqual(before);
    await runCommand(host, `--yes --engine docker ${PLAIN}`);
    expect(await dockerRuns()).toBe(true);
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
  });

  test('its containers are checked when it runs: one in the way ends the run, and Docker stops again', async () => {
    host.docker.foreign('web', 'somebody/thing:1', [5000]);
    const before = host.snapshot();
    await expect(runCommand(host, `--yes --engine docker ${PLAIN}`)).rejects.toMatchObject({
      message: expect.stringContaining('Port 5000 is taken by the container "web"'),
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('the settings of the last run are no request to start Docker', async () => {
    await runCommand(host, `--yes --engine docker ${PLAIN}`);
    await host.run('systemctl', ['stop', 'docker.service']);
    const before = host.snapshot();
    await expect(runCommand(host, '--yes')).rejects.toThrow('Docker is installed, but it is not running.');
    expect(host.snapshot()).toEqual(before);
  });

  test('a registry that is in it already is started with it, not replaced', async () => {
    await runCommand(host, `--yes --engine docker ${PLAIN}`);
    const id = host.docker.containers[0]?.id;
    await host.run('systemctl', ['stop', 'docker.service']);
    const prompts = scripted();
    await runCommand(host, '', { prompts });
    expect(prompts.transcript).toEqual([
      'What should run the registry? = Docker: start it',
      'Go ahead? = yes',
    ]);
    expect(host.docker.containers).toMatchObject([{ id, running: true }]);
  });

  test('in the wizard: without Docker, when nothing is decided yet', async () => {
    const prompts = scripted([ENGINE, 'the machine itself'], ['Go ahead', 'no']);
    const ran = await runCommand(host, PLAIN, { prompts });
    expect(ran.heard.join('\n')).toContain('install the package docker-registry');
    await expect(
      runCommand(host, `--engine docker ${PLAIN}`, { prompts: scripted([ENGINE, 'the machine itself']) }),
    ).rejects.toThrow('is no choice');
  });

  test('in the wizard: with the machine, or this once', async () => {
    const once = scripted([ENGINE, 'this once'], ['Go ahead', 'no']);
    const ran = await runCommand(host, PLAIN, { prompts: once });
    expect(ran.heard.join('\n')).toContain('It does not start with this machine either.');
    expect(ran.heard.join('\n')).toMatch(/This will +start Docker$/m);
    await runCommand(host, PLAIN, { prompts: scripted() });
    expect(heard).toContain('systemctl enable --quiet docker.service');
  });
});

test('the command line of Docker without an engine is no Docker: the engine is installed on request', async () => {
  machine({ installed: false });
  let there = false;
  const { run } = host;
  host.run = async (command, args, options) => {
    there ||= command === 'apt-get' && args.includes('install');
    if (there) return run(command, args, options);
    if (command === 'docker') return { code: 1, stdout: '', stderr: NO_DAEMON };
    if (args[0] === 'cat') return { code: 1, stdout: '', stderr: 'No files found for docker.service.' };
    return run(command, args, options);
  };
  await expect(runCommand(host, `--yes ${PLAIN}`)).rejects.toThrow('it reaches no engine');
  const prompts = scripted([ENGINE, 'Docker, from the packages'], ['Go ahead', 'no']);
  const ran = await runCommand(host, PLAIN, { prompts });
  expect(ran.heard).toContain('  The command line of Docker is here, but it reaches no engine.');
  await runCommand(host, `--yes --engine docker ${PLAIN}`);
  expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
});

test('warns about a Docker that does not start with the machine', async () => {
  machine({ installed: true, active: true });
  const { heard: words } = await runCommand(host, `--yes ${PLAIN}`);
  expect(words.join('\n')).toContain('Docker does not start with this machine');
});

test('without a known package manager, --engine docker says what is left to do', async () => {
  machine({ installed: false });
  await host.remove('/usr/bin/apt-get');
  await expect(runCommand(host, `--yes --engine docker ${PLAIN}`)).rejects.toMatchObject({
    message: expect.stringContaining('no package manager that registry-setup knows has it'),
  });
});
