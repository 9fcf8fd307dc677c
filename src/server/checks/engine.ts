// Checks that the engine is here and that the names of containers and units are free.
import { inspect } from '../../engines/containers.ts';
import { staysOff } from '../../engines/docker-service.ts';
import type { Host } from '../../host/host.ts';
import { notOurs } from '../../resources/container.ts';
import { MARK, unitPath } from '../../resources/unit.ts';
import type { Program, Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { authName } from '../auth/docker-auth.ts';
import type { Facts } from '../plan/facts.ts';
import { type Check, type Finding, fail, warn } from './finding.ts';

export const engine: Check = async (_, facts) =>
  facts.engine.state === 'ready'
    ? []
    : fail(facts.engine.error.message, facts.engine.error.fix, { why: facts.engine.error.why });

/** The container engine to ask; undefined where there is none. */
export const programOf = ({ engine: found }: Facts): Program | undefined =>
  found.state !== 'ready' || found.info.kind === 'native' ? undefined : found.info.kind;

export const name: Check = async (settings, facts, host) => {
  const program = programOf(facts);
  const unit = settings.engine === 'docker' ? [] : await unitFree(settings, host);
  if (!program || unit.length > 0) return unit;
  const names = [settings.name, ...(settings.auth === 'token' ? [authName(settings)] : [])];
  const found = await Promise.all(
    names.map(async (wanted) => {
      const there = await inspect(host, wanted, program);
      if (!there || there.owner === settings.dir) return [];
      const { message, fix } = notOurs(wanted, there, settings.name, program);
      return fail(message, fix, { flag: '--name' });
    }),
  );
  return found.flat();
};

/** What every service file of this set-up says. */
const OURS = [MARK, 'DIR'];

/** A service of that name which somebody else made is never written over. */
async function unitFree({ name: unit, dir }: Settings, host: Host): Promise<Finding[]> {
  const path = unitPath({ name: unit, ...(host.machine.uid !== 0 && { own: true }) });
  const text = (await host.read(path))?.toString();
  if (text === undefined || OURS.every((word) => text.includes(word.replace('DIR', dir)))) return [];
  const fix = [`Use another name:      ${commandLine(`--name ${unit}-2`)}`];
  return fail(`The service ${unit} was not made by this setup (${path}).`, fix, { flag: '--name' });
}

/** Said when it is set up. */
export const boot: Check = async (_, { engine: found, last }, host) =>
  !last && found.state === 'ready' && (await staysOff(found.info, host))
    ? warn('Docker does not start with this machine, and the registry would not either.', [
        'systemctl enable docker',
      ])
    : [];
