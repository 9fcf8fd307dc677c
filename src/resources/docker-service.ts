// The Docker of this machine: running, and started at boot. Others may use it, too: the undo stops it only if it was off before.
import {
  answers,
  DOCKER,
  initOf,
  LOOK,
  must,
  STARTS_WITHIN,
  says,
  startsWithMachine,
} from '../engines/docker-service.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type Provider, WHEN_OVER } from './provider.ts';

/** The Docker of this machine runs; `boot`: and starts at boot. */
export interface EngineResource {
  kind: 'engine';
  boot: boolean;
}

/** The former state of each service of Docker: the socket first, because it would start the others again. */
type EngineStep = { do: 'engine'; units: { name: string; active: boolean; enabled: boolean }[] };

export const engine: Provider<EngineResource, EngineStep> = {
  title: () => 'Docker',
  id: () => '',
  kept: true,
  removed: () => 'Docker',
  review: (changes) =>
    changes.map(({ resource }) => `start Docker${resource.boot ? ', now and with the machine' : ''}`),

  async check({ boot }, host) {
    const init = await initOf(host);
    const runs = await answers(host);
    const lacking = boot && !(await startsWithMachine(host)) ? (init.boot?.on(DOCKER(init)) ?? []) : [];
    if (runs && lacking.length === 0) return undefined;
    const words = [...(runs ? [] : [init.start(DOCKER(init))]), ...(lacking.length > 0 ? [lacking] : [])];
    return { what: 'start', details: words.map((line) => line.join(' ')) };
  },

  async undo(_, host) {
    const init = await initOf(host);
    const units: EngineStep['units'] = [];
    for (const name of init.services) {
      const [active, enabled] = await Promise.all([
        says(host, init.active(name)),
        init.boot ? says(host, init.boot.is(name)) : true,
      ]);
      units.push({ name, active, enabled });
    }
    return { steps: [{ do: 'engine', units }] };
  },

  async apply({ boot }, host) {
    const init = await initOf(host);
    const service = DOCKER(init);
    if (boot && !(await startsWithMachine(host)) && init.boot) await must(host, init.boot.on(service));
    if (!(await answers(host))) await must(host, init.start(service));
    for (let waited = 0; waited < STARTS_WITHIN; waited += 250) {
      if (await answers(host)) return;
      await new Promise((done) => setTimeout(done, 250));
    }
    throw new CliError('Docker was started, but does not answer.', { fix: LOOK });
  },

  steps: {
    engine: {
      perform: undoEngine,
      isLeft: engineLeft,
      ...WHEN_OVER,
      words({ units }) {
        const of = (was: 'active' | 'enabled') => units.filter((unit) => !unit[was]).map(({ name }) => name);
        return [
          ...(of('active').length > 0 ? [`stop ${of('active').join(' ')}`] : []),
          ...(of('enabled').length > 0 ? [`disable ${of('enabled').join(' ')}`] : []),
        ].join('; ');
      },
    },
  },
};

/** Stops and disables what was off before. A service that its package has removed meanwhile needs nothing. */
async function undoEngine({ units }: EngineStep, host: Host): Promise<void> {
  const init = await initOf(host);
  for (const { name, active, enabled } of units) {
    if (!active && (await says(host, init.active(name)))) await must(host, init.stop(name));
    if (!enabled && init.boot && (await says(host, init.boot.is(name))))
      await must(host, init.boot.off(name));
  }
}

/** Tells whether a service runs, or starts at boot, that did not before the set-up. */
async function engineLeft({ units }: EngineStep, host: Host): Promise<boolean> {
  const init = await initOf(host);
  for (const { name, active, enabled } of units) {
    if (!active && (await says(host, init.active(name)))) return true;
    if (!enabled && (await says(host, init.boot?.is(name)))) return true;
  }
  return false;
}
