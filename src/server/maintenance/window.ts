// What needs the registry to hold still: garbage collection, removal of repositories.
// Makes the registry read-only for a while: pulls go on, pushes are refused, and afterwards it is as before, whatever happens.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../context.ts';
import { hasFormerRequests } from '../../engines/nginx.ts';
import type { Step } from '../../reconcile/progress.ts';
import { type Change, diff, keyOf, stepOf } from '../../reconcile/reconcile.ts';
import type { Run } from '../../reconcile/run.ts';
import type { Resource } from '../../resources/resource.ts';
import { hasGateway } from '../../settings/gateway.ts';
import { DEFAULT_DIR, type Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { setLastWords } from '../../terminal/last-words.ts';
import type { Report } from '../../terminal/output.ts';
import { quoted } from '../../terminal/shell.ts';
import { untilUp } from '../checks/proof.ts';
import { gatewayName, writesPath } from '../gateway/gateway.ts';
import { planOf } from '../make-plan.ts';
import { ownEndpoint } from '../plan/endpoint.ts';
import type { ServerRequest } from '../request.ts';

/** The kinds that run a registry. */
const SERVICES = ['container', 'unit', 'process'];

/** Returns what makes the registry read-only, or writable again: its configuration and what restarts it, or a file of the gateway. */
async function changesTo(
  request: ServerRequest,
  context: Context,
  run: Run,
  readOnly: boolean,
): Promise<Change[]> {
  const { settings } = request;
  const front = hasGateway(settings);
  const config = front ? writesPath(settings.dir) : join(settings.dir, 'config/config.yml');
  const plan = await planOf(request, context, run.oldest, readOnly);
  const isOurs = (resource: Resource) => {
    const { kind, id } = keyOf(resource);
    if (kind === 'file') return id === config;
    return front ? kind === 'reload' : SERVICES.includes(kind) && id === settings.name;
  };
  return diff(plan.filter(isOurs), context.host);
}

/** Seconds that a collection waits for requests from before. */
const UNDER_WAY = 60;

/**
 * Waits for the requests that the gateway let through before it was shut. What takes longer does no harm: a pull; an upload, which a
 * collection leaves alone; a manifest whose body is still to come, since the registry looks for its blobs when it has all of it.
 */
async function untilShut(settings: Settings, { host, signal }: Context, report: Report): Promise<void> {
  const program = settings.engine === 'podman' ? settings.engine : undefined;
  const began = performance.now();
  while (await hasFormerRequests(host, { name: gatewayName(settings), engine: program })) {
    signal.throwIfAborted();
    const waited = Math.round((performance.now() - began) / 1_000);
    if (waited >= UNDER_WAY) return;
    report(`waiting for requests that began before (${waited} s of ${UNDER_WAY} s)`);
    await sleep(500);
  }
}

/** Said to who quits at once in between. */
const halfDone = ({ dir }: Settings): string[] => [
  'The registry is read-only now: it refuses pushes until the next run, for example:',
  `  ${commandLine(['--yes', ...(dir === DEFAULT_DIR ? [] : ['--dir', dir])].map(quoted).join(' '))}`,
];

/**
 * Returns the steps of some work on a registry that refuses pushes. Each change is in the journal of the run: a failure, Ctrl-C, and
 * the run after a kill make the registry writable again. That also ends a collection that is left running in its container.
 * @param work done while nobody can push
 */
export function readOnlySteps(
  request: ServerRequest,
  context: Context,
  run: Run,
  work: Step[],
): (() => Promise<Step[]>)[] {
  const { host } = context;
  const { settings, certificates } = request;
  const at = ownEndpoint(settings, certificates.site);
  const to = (readOnly: boolean, title: string) => async (): Promise<Step[]> => {
    const step = stepOf(title, await changesTo(request, context, run, readOnly), host, run);
    return [
      {
        ...step,
        run: async (report) => {
          if (readOnly) setLastWords(halfDone(settings));
          await step.run(report);
          if (hasGateway(settings) && readOnly) await untilShut(settings, context, report);
          await untilUp(host, settings, at, report);
          return undefined;
        },
      },
    ];
  };
  return [
    to(true, 'Read-only: pulls go on, pushes are refused'),
    async () => work,
    to(false, 'Writable again'),
  ];
}
