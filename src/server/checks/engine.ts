// Checks that the engine is ready, that it starts with the machine, and that the names of containers and units are free.
import { inspect } from '../../engines/containers.ts';
import { staysOff } from '../../engines/docker-service.ts';
import { foreign } from '../../engines/foreign.ts';
import type { Host } from '../../host/host.ts';
import { plainUnit } from '../../host/systemd.ts';
import { notOurs } from '../../resources/container.ts';
import { MARK, unitPath } from '../../resources/unit.ts';
import type { Program, Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { containerNames } from '../plan/container.ts';
import type { Facts } from '../plan/facts.ts';
import { type Check, type Finding, fail, warn } from './finding.ts';

/** Reports why no engine is ready. */
export const engine: Check = async (_, facts) =>
  facts.engine.state === 'ready'
    ? []
    : fail(facts.engine.error.message, facts.engine.error.fix, { why: facts.engine.error.why });

/** Returns the container engine to ask; undefined if there is none. */
export const programOf = ({ engine: found }: Facts): Program | undefined =>
  found.state !== 'ready' || found.info.kind === 'native' ? undefined : found.info.kind;

/** Reports containers and services of other owners that have the set-up's names. */
export const name: Check = async (settings, facts, host) => {
  const program = programOf(facts);
  const unit = settings.engine === 'docker' ? [] : await unitFree(settings, host);
  if (!program || unit.length > 0) return unit;
  const names = containerNames(settings);
  const found = await Promise.all(
    names.map(async (wanted) => {
      const there = await inspect(host, wanted, program);
      if (!there || there.owner === settings.dir) return [];
      const { message, fix } = notOurs(wanted, there, settings.name, program);
      const other = there.owner ? undefined : await foreign(host, wanted, program);
      const ways = other?.unit ? [...fix.slice(0, 1), `Or stop that one for good: ${other.stop}`] : fix;
      return fail(message, ways, { flag: '--name', why: other?.files });
    }),
  );
  return found.flat();
};

/** Reports a service of that name that this set-up did not make: it is never overwritten. */
async function unitFree({ name: unit, dir }: Settings, host: Host): Promise<Finding[]> {
  const path = unitPath({ name: unit, ...(host.machine.uid !== 0 && { own: true }) });
  const text = (await host.read(path))?.toString();
  const all = plainUnit(text ?? '');
  if (text === undefined || (all.includes(MARK) && all.includes(dir))) return [];
  const fix = [`Use another name:      ${commandLine(`--name ${unit}-2`)}`];
  return fail(`The service ${unit} was not made by this setup (${path}).`, fix, { flag: '--name' });
}

/** Warns, in the first run only, that Docker does not start with the machine. */
export const boot: Check = async (_, { engine: found, last }, host) =>
  !last && found.state === 'ready' && (await staysOff(found.info, host))
    ? warn('Docker does not start with this machine, and the registry would not either.', [
        'systemctl enable docker',
      ])
    : [];
