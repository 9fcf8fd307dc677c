// Before the questions of the wizard: an engine that is not running, or none at all, is seen to while somebody is there to ask.
import type { Answers } from '../arguments.ts';
import type { Context } from '../context.ts';
import { StoppedEngine } from '../engines/docker.ts';
import type { EngineWish } from '../engines/engine.ts';
import type { NativeInfo } from '../engines/native.ts';
import { MANAGERS, managerOf } from '../engines/packages.ts';
import { CliError, Interrupted } from '../errors.ts';
import { type Facts, gatherFacts } from '../facts.ts';
import type { Host } from '../host.ts';
import { install } from '../resources/package.ts';
import { shellLine } from '../shell.ts';

const STARTS_WITHIN = 30_000;

/** @returns the facts, with an engine if the person wished for one */
export async function askEngine(context: Context, facts: Facts, said: Answers, dir: string): Promise<Facts> {
  const { host, output } = context;
  const wish = said.engine?.value as EngineWish | undefined;
  if (facts.engine instanceof StoppedEngine && host.machine.uid === 0) {
    const { confirm } = await context.prompts();
    output.say(facts.engine.message);
    if (!(await confirm({ message: 'Start it now, and with the machine?', default: true })))
      throw facts.engine;
    await startDocker(host);
    return gatherFacts(host, dir, wish);
  }
  const free = facts.last === undefined && (wish === undefined || wish === 'auto');
  if (!free || facts.engine instanceof CliError || facts.engine.kind !== 'native') return facts;
  return withoutEngine(context, facts, dir);
}

async function withoutEngine(context: Context, facts: Facts, dir: string): Promise<Facts> {
  const { host, output } = context;
  const manager = host.machine.uid === 0 ? await managerOf(host) : undefined;
  const { package: pack, fromImage } = facts.engine as NativeInfo;
  const from = pack ? `the package ${pack.name}` : fromImage ? 'the program out of the image' : '';
  const words = manager && MANAGERS[manager].docker;
  const { select } = await context.prompts();
  output.say('  Neither Docker nor podman is on this machine.');
  const choice = await select({
    message: 'What shall run the registry?',
    choices: [
      {
        value: 'native',
        name: 'the machine itself: a service without containers',
        description: `The smallest change${from ? `: ${from}` : ''}.`,
        short: 'the machine itself',
      },
      ...(words
        ? [
            {
              value: 'docker',
              name: 'Docker, from the packages of this system',
              description: `${shellLine(words[0] ?? '', words.slice(1))}, now. It stays when the registry is removed.`,
              short: 'Docker',
            },
          ]
        : []),
      { value: 'stop', name: 'nothing: I install an engine myself', short: 'nothing' },
    ],
  });
  if (choice === 'stop') throw new Interrupted('Nothing was changed.');
  if (choice === 'native' || !words || !manager) return facts;
  output.say(`  ${words.join(' ')} …`);
  await install(host, manager, words);
  await startDocker(host);
  return gatherFacts(host, dir, 'docker');
}

/** Its package may have started it already; where there is no systemd, a script of the system does. */
async function startDocker(host: Host): Promise<void> {
  const systemd = await host.stat('/run/systemd/system');
  const words = systemd ? ['systemctl', 'enable', '--now', 'docker'] : ['service', 'docker', 'start'];
  const { code, stderr } = await host.run(words[0] ?? '', words.slice(1), { timeout: 90_000 });
  if (code !== 0)
    throw new CliError('Docker does not start.', { why: stderr.trim(), fix: 'journalctl -u docker -n 50' });
  for (let waited = 0; waited < STARTS_WITHIN; waited += 250) {
    if ((await host.run('docker', ['version'], { timeout: 5_000 })).code === 0) return;
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new CliError('Docker was started, and does not answer.', { fix: 'journalctl -u docker -n 50' });
}
