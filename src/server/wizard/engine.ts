// Chooses the engine before the other questions of the wizard, if none runs. Changes nothing: installing and starting it are part of
// the plan.
import type { Context } from '../../context.ts';
import { canStart, startsWithMachine } from '../../engines/docker-service.ts';
import { type NativeInfo, nativeInfo } from '../../engines/native.ts';
import { type EnginePackage, enginePackage } from '../../engines/packages.ts';
import { fromPackage, startedDocker } from '../../engines/pending.ts';
import {
  type EngineInfo,
  type EngineState,
  type NotReady,
  notReady,
  ready,
  readyInfo,
  TITLE,
} from '../../engines/types.ts';
import { Interrupted } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import type { Answers } from '../../settings/answers.ts';
import type { EngineChoice, Program } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Facts } from '../plan/facts.ts';

/** Returns the engine that the user named in this run. */
const named = (said: Answers): Program | undefined => {
  const choice = said.engine?.value as EngineChoice | undefined;
  return choice === 'docker' || choice === 'podman' ? choice : undefined;
};

/**
 * Chooses the engine if none answers: asks the user, or takes that of `--engine NAME`, which is a request to install or start it.
 * @param asks questions may be asked
 * @returns the facts; their engine may be pending
 * @throws Interrupted if the user chooses none
 */
export async function decideEngine(
  context: Context,
  facts: Facts,
  said: Answers,
  asks: boolean,
): Promise<Facts> {
  const { host } = context;
  if (host.machine.uid !== 0) return facts;
  const engine = await withoutDaemon(facts.engine, host);
  if (engine.state === 'stopped') {
    if (asks) {
      const free = facts.last === undefined && !named(said);
      return { ...facts, engine: ready(await askToStart(context, engine, facts, free)) };
    }
    if (named(said)) return { ...facts, engine: ready(startedDocker(true)) };
    return { ...facts, engine: await howToStart(engine, host) };
  }
  const choice = named(said);
  const none = engine.state === 'absent';
  if (choice && none) {
    const pack = await enginePackage(host, choice);
    return { ...facts, engine: pack ? ready(fromPackage(pack)) : noPackage(choice) };
  }
  const free = facts.last === undefined && (said.engine === undefined || said.engine.value === 'auto');
  if (!asks || !free || !(none || (engine.state === 'ready' && engine.info.kind === 'native')))
    return { ...facts, engine };
  return { ...facts, engine: ready(await askWithout(context, engine, facts)) };
}

/** Returns the engine as absent if only the command line of Docker is installed. */
async function withoutDaemon(engine: EngineState, host: Host): Promise<EngineState> {
  if (engine.state !== 'stopped' || (await canStart(host))) return engine;
  const message = 'The command line of Docker is here, but it reaches no engine.';
  return notReady('absent', message, { why: engine.error.why, instead: engine.instead });
}

async function howToStart({ error: { message, why } }: NotReady, host: Host): Promise<NotReady> {
  const boots = await startsWithMachine(host);
  return notReady('stopped', message, {
    why: boots ? why : `${why}\nIt does not start with this machine either.`,
    fix: [
      `Start it:              systemctl ${boots ? 'start' : 'enable --now'} docker`,
      `Or have it started:    ${commandLine('--yes --engine docker')}`,
    ],
    instead: [`Or without Docker:     ${commandLine('--engine native')}`],
  });
}

const noPackage = (program: Program): NotReady =>
  notReady(
    'absent',
    `${TITLE[program]} is not here, and no package manager that registry-setup knows has it.`,
    {
      fix: [program === 'docker' ? 'docs.docker.com/engine/install tells how.' : 'podman.io/docs tells how.'],
      instead: [`Or without it:   ${commandLine('--engine native')}`],
    },
  );

const NOTHING = { value: 'stop', name: 'nothing: I will set up an engine myself', short: 'nothing' } as const;
const leave = () => new Interrupted('Nothing was changed.');

/** Returns the registry as a program of this machine; undefined if that is impossible. */
const nativeOn = (host: Host, { supply }: Facts): Promise<NativeInfo | undefined> =>
  nativeInfo(host, supply).catch(() => undefined);

const nativeChoice = ({ package: pack, fromImage }: NativeInfo) => ({
  value: 'native',
  name: 'the machine itself: a service without containers',
  description: `The smallest change${pack ? `: the package ${pack.name}` : fromImage ? ': the program out of the image' : ''}.`,
  short: 'the machine itself',
});

/**
 * Asks whether to start a Docker that does not run.
 * @param free no engine is settled yet: the user may also choose to do without Docker
 */
async function askToStart(
  context: Context,
  { error: stopped }: NotReady,
  facts: Facts,
  free: boolean,
): Promise<EngineInfo> {
  const { host, output } = context;
  const native = free ? await nativeOn(host, facts) : undefined;
  const boots = await startsWithMachine(host);
  const { select } = await context.prompts();
  output.say(`  ${stopped.message}`);
  if (!boots) output.say('  It does not start with this machine either.');
  const choice = await select({
    message: 'What should run the registry?',
    choices: [
      {
        value: 'start',
        name: boots ? 'Docker: start it' : 'Docker: start it, now and with the machine',
        description: 'Its other containers may start with it. A failed setup stops it again.',
        short: 'Docker, started',
      },
      ...(boots
        ? []
        : [
            {
              value: 'once',
              name: 'Docker: start it this once',
              description: 'After a restart of this machine the registry does not come back by itself.',
              short: 'Docker, started this once',
            },
          ]),
      ...(native ? [nativeChoice(native)] : []),
      NOTHING,
    ],
  });
  if (choice === 'stop') throw leave();
  if (choice === 'native' && native) return native;
  return startedDocker(choice === 'start' && !boots);
}

/** Asks what shall run the registry if neither Docker nor podman is installed. */
async function askWithout(context: Context, found: EngineState, facts: Facts): Promise<EngineInfo> {
  const { host, output } = context;
  const [pack, native] = [await enginePackage(host), await nativeOn(host, facts)];
  // A ready engine can only be the machine itself here.
  if (!pack && !native) return readyInfo(found);
  const { select } = await context.prompts();
  output.say(
    found.state !== 'ready' && found.error.code !== 'not installed'
      ? `  ${found.error.message}`
      : '  Neither Docker nor podman is on this machine.',
  );
  const choice = await select({
    message: 'What should run the registry?',
    choices: [...(native ? [nativeChoice(native)] : []), ...(pack ? [packageChoice(pack)] : []), NOTHING],
  });
  if (choice === 'stop') throw leave();
  return choice === 'native' || !pack ? (native as EngineInfo) : fromPackage(pack);
}

const packageChoice = ({ program, name }: EnginePackage) => ({
  value: 'package',
  name: `${TITLE[program]}, from the packages of this system`,
  description: `The package ${name} and what it needs. \`uninstall\` leaves it by default.`,
  short: TITLE[program],
});
