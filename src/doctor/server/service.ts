// Checks what runs the registry: its containers or its service, and what would take its port.
import { type Container, inspect } from '../../engines/containers.ts';
import { isRunning, lastLines, logCommand } from '../../engines/engine.ts';
import { foreign } from '../../engines/foreign.ts';
import { isPending } from '../../engines/pending.ts';
import type { Host } from '../../host/host.ts';
import { bound } from '../../server/checks/names.ts';
import { port } from '../../server/checks/ports.ts';
import { containerNames } from '../../server/plan/container.ts';
import type { ServerRequest } from '../../server/request.ts';
import { portsTaken } from '../../settings/gateway.ts';
import type { Settings } from '../../settings/settings.ts';
import { count } from '../../terminal/output.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { here, trouble } from '../found.ts';
import { runAgain } from './again.ts';

/** Lines that are logged for a reason. */
const TELLING =
  /level=(?:error|fatal|panic)|^panic:|^fatal|^[EF]\d{4} (?!.*Exiting$)|error:|no space left|permission denied/i;

/** Returns the line that tells most of what a service wrote at its end. */
async function lastWords(host: Host, settings: Settings, name: string): Promise<string | undefined> {
  const lines = await lastLines(host, settings, { name, lines: 40 }).catch((): string[] => []);
  return lines.findLast((line) => TELLING.test(line)) ?? lines.at(-1);
}

/** A container that its engine started later than this many milliseconds ago may be about to end again. */
const LASTS = 5_000;

/** Tells how a container ended. */
const ending = ({ exitCode, error }: Container) => `code ${exitCode}${error ? `, ${error}` : ''}`;

async function container(input: CheckInput, server: ServerRequest, name: string): Promise<Trouble[]> {
  const { context } = input;
  const { host } = context;
  const { settings } = server;
  if (settings.engine === 'native' || isPending(server.engine)) return [];
  const there = await inspect(host, name, settings.engine);
  const endsAgain = there?.restarting || (there && there.restarts > 0 && Date.now() - there.started < LASTS);
  if (there?.running && !endsAgain) return [];
  const mend = [here(input, '--yes'), `Its log:   ${await logCommand(host, { ...settings, name })}`];
  if (!there)
    return [
      trouble('container-gone', `The container ${name} of the registry is not there.`, {
        mend: [here(input, '--yes')],
        fix: await runAgain(input, server, `starts the container ${name}`),
      }),
    ];
  const evidence = await lastWords(host, settings, name);
  if (endsAgain)
    return [
      trouble(
        'container-restarting',
        `The container ${name} ends again and again (${ending(there)}; started ${count(there.restarts, 'time')} again).`,
        { mend, evidence },
      ),
    ];
  return [
    trouble('container-stopped', `The container ${name} does not run; it ended with ${ending(there)}.`, {
      mend,
      evidence,
      fix: await runAgain(input, server, `starts the container ${name}`),
    }),
  ];
}

async function service(input: CheckInput, server: ServerRequest): Promise<Trouble[]> {
  const { context } = input;
  const { settings } = server;
  if (settings.engine !== 'native' || (await isRunning(context.host, settings))) return [];
  return [
    trouble('service-stopped', `The service ${settings.name} of the registry does not run.`, {
      mend: [here(input, '--yes'), `Its log:   ${await logCommand(context.host, settings)}`],
      evidence: await lastWords(context.host, settings, settings.name),
      fix: await runAgain(input, server, `starts the service ${settings.name}`),
    }),
  ];
}

/** Reports a registry that does not run, and what is in its way. */
export const running: Check = {
  code: 'running',
  subject: 'machine',
  title: 'the registry runs, and nothing else has its port',
  on: 'server',
  async look(input) {
    const { server, context } = input;
    if (!server) return [];
    const { settings, facts } = server;
    const names = settings.engine === 'native' ? [settings.name] : containerNames(settings);
    const [taken, away, ...stopped] = await Promise.all([
      port(settings, facts, context.host),
      bound(settings, facts, context.host),
      service(input, server),
      ...names.map((name) => container(input, server, name)),
    ]);
    // The first of them must go before the registry can start.
    const inTheWay = [
      ...taken.map(({ message, why, fix }) => trouble('port-held', message, { mend: fix, evidence: why })),
      ...away.map(({ message, fix }) => trouble('address-gone', message, { mend: fix })),
    ];
    const all = stopped.flat();
    return inTheWay.length > 0 ? [...inTheWay, ...all.map(({ fix: _, ...rest }) => rest)] : all;
  },
};

interface Bound {
  Name?: string;
  State?: { Running?: boolean };
  Config?: { Labels?: Record<string, string> };
  HostConfig?: {
    RestartPolicy?: { Name?: string };
    PortBindings?: Record<string, { HostPort?: string }[] | null>;
  };
}

async function comesBack({ context: { host }, server }: CheckInput): Promise<Trouble[]> {
  if (server?.settings.engine !== 'docker') return [];
  const { settings } = server;
  const limit = { timeout: 15_000 };
  const { stdout: ids } = await host.run(
    'docker',
    ['ps', '-aq', '--filter', 'status=exited', '--filter', 'status=created'],
    limit,
  );
  const all = ids.split('\n').filter(Boolean);
  if (all.length === 0) return [];
  const { stdout } = await host.run('docker', ['container', 'inspect', ...all], limit);
  const ports = portsTaken(settings).map(String);
  const rivals = (JSON.parse(stdout || '[]') as Bound[]).filter(
    ({ HostConfig, State }) =>
      State?.Running !== true &&
      HostConfig?.RestartPolicy?.Name === 'always' &&
      Object.values(HostConfig.PortBindings ?? {}).some((list) =>
        list?.some(({ HostPort }) => ports.includes(HostPort ?? '')),
      ),
  );
  const found = await Promise.all(
    rivals.map(async ({ Name = '' }) => {
      const name = Name.replace(/^\//, '');
      const other = await foreign(host, name, 'docker');
      return trouble(
        'port-rival',
        `The stopped container "${name}" wants the port of the registry, and comes back with the next start of Docker.`,
        {
          severity: 'risk',
          mend: other ? [`Keep it stopped:   ${other.stop}`] : [],
          evidence: other?.files,
        },
      );
    }),
  );
  return found;
}

/** Reports a stopped container that Docker starts again, and that would take the port of the registry then. */
export const rivals: Check = {
  code: 'rivals',
  subject: 'machine',
  title: 'no other container wants the port of the registry',
  on: 'server',
  look: comesBack,
};
