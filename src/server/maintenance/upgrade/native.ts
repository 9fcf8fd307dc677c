// An upgrade of a registry that is a program of this machine, by the program in an image: looked at, tried beside, put in its place.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../../context.ts';
import { programDigest, takeProgram } from '../../../engines/images/program.ts';
import { type NativeInfo, registryVersion } from '../../../engines/native.ts';
import { CliError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import { runSteps } from '../../../reconcile/progress.ts';
import { openRun } from '../../../reconcile/recover.ts';
import type { Run } from '../../../reconcile/run.ts';
import { ask } from '../../../registry/http.ts';
import { type TrialProcessStep, trialProcess } from '../../../resources/trial-process.ts';
import { visibleLines } from '../../../terminal/visible.ts';
import { makePlan } from '../../make-plan.ts';
import { ownEndpoint } from '../../plan/endpoint.ts';
import { nativeOf } from '../../plan/native.ts';
import type { Outcome, ServerRequest } from '../../request.ts';
import { carryOut } from '../../run.ts';
import type { Upgrade } from './judge.ts';
import { afterSwap, type Begin, type Proof, trialStep } from './prove.ts';
import { freePorts } from './trial.ts';

/** A program in an image. */
export interface Found {
  ref: string;
  archive: string;
  sha256: string;
  version: string | undefined;
  /** Why it does not say its version. */
  why: string | undefined;
}

/** Returns a place for a program, where everybody may run it: its version is asked as nobody. */
const placeFor = (dir: string): string => join(dir, `trial-${randomBytes(4).toString('hex')}`);

/** Takes the program out of the image into a folder; the journal has its way back first. */
async function stage(folder: string, { ref, archive }: Pick<Found, 'ref' | 'archive'>, host: Host, run: Run) {
  await run.record(
    { kind: 'dir', id: folder },
    folder,
    { steps: [{ do: 'removeTree', path: folder }] },
    true,
  );
  await host.mkdir(folder, 0o755);
  await takeProgram(host, archive, ref, join(folder, 'registry'));
}

/** Looks at the program in an image; nothing of it stays. @throws CliError if there is none */
export async function lookAtProgram(
  context: Context,
  dir: string,
  wanted: Pick<Found, 'ref' | 'archive'>,
): Promise<Found> {
  const { host, output, signal, uninterruptible } = context;
  const folder = placeFor(dir);
  const found: Found = { ...wanted, sha256: '', version: undefined, why: undefined };
  const run = await openRun(context, dir);
  try {
    const look = {
      title: `Looked at the program in ${wanted.ref}`,
      async run() {
        await stage(folder, wanted, host, run);
        const program = join(folder, 'registry');
        Object.assign(found, await registryVersion(host, program));
        found.sha256 = (await programDigest(host, program)) ?? '';
        return undefined;
      },
    };
    await runSteps([look], output, signal);
    return found;
  } finally {
    await run.rollBack(uninterruptible);
    await run.release();
  }
}

/** Seconds after which a program that is tried ends by itself, whatever became of this one. */
const ENDS_AFTER = 900;
/** Milliseconds. */
const UP_WITHIN = 30_000;

/**
 * Runs a program in its own session, as nobody in the group of the registry's user: it reads what that user reads, and writes nothing.
 * Where setpriv cannot do that (busybox), as that user: then only its configuration keeps it from writing.
 */
const START = `
if [ -z "$user" ]; then :
elif setpriv --reuid=65534 --regid="$user" --clear-groups true 2>/dev/null; then
  set -- setpriv --reuid=65534 --regid="$user" --clear-groups --no-new-privs -- "$@"
else
  set -- su -s /bin/sh "$user" -c 'exec "$0" "$@"' -- "$@"
fi
setsid /bin/sh -c 'echo $$ >"$pid"; exec "$@"' trial "$@" </dev/null >"$log" 2>&1 &`;

/** Starts the program as somebody who may read what the registry's user may read, and may write nothing. */
const programBeside =
  ({ request }: Proof, context: Context, folder: string): Begin =>
  async (run) => {
    const { host } = context;
    const { settings, certificates, engine } = request;
    const random = Number.parseInt(folder.slice(-8), 16);
    const { registry: port } = await freePorts(host, random);
    const here = { ...request, settings: { ...settings, bind: '127.0.0.1', port } };
    const { plan } = await makePlan(here, context, run.oldest, true);
    const path = join(settings.dir, 'config/config.yml');
    const planned = plan.find((resource) => resource.kind === 'file' && resource.path === path);
    const [config, log, pid] = ['config.yml', 'log', 'pid'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const { user } = nativeOf(settings, engine as NativeInfo, host.machine.uid);
    const process: TrialProcessStep = { do: 'trialProcess', pid, word: config };
    const at = { ...ownEndpoint(settings, certificates.site), port, connectTo: '127.0.0.1' };
    return {
      beside: {
        registry: at,
        untilUp: async (signal) => {
          const began = performance.now();
          for (;;) {
            const reply = await ask(at, 'GET', '/v2/', { timeout: 5_000, signal }).catch(() => undefined);
            if (reply && reply.status < 500) return;
            signal.throwIfAborted();
            const runs = await trialProcess.isLeft(process, host);
            if (!runs || performance.now() - began > UP_WITHIN) throw await ended(host, log, runs);
            await sleep(100);
          }
        },
        end: (machine) => trialProcess.perform(process, machine),
      },
      async start() {
        const there = await host.stat(path);
        const content = planned?.kind === 'file' ? planned.content : '';
        await run.record(
          { kind: 'proof', id: folder },
          'the trial of the new program',
          { steps: [process] },
          true,
        );
        await host.write(config, content, there ?? { mode: 0o600 });
        const words = ['timeout', '-k', '5', String(ENDS_AFTER), join(folder, 'registry'), 'serve', config];
        const env = { OTEL_TRACES_EXPORTER: 'none', user: user ?? '', log, pid };
        await host.run('/bin/sh', ['-c', START, 'sh', ...words], { env });
        for (let waited = 0; waited < 5_000 && !(await host.stat(pid)); waited += 20) await sleep(20);
      },
    };
  };

async function ended(host: Host, log: string, runs: boolean): Promise<CliError> {
  const said = (await host.read(log))?.toString().trim().split('\n').slice(-10).join('\n') ?? '';
  return new CliError(
    runs ? `It does not answer within ${UP_WITHIN / 1_000} s.` : 'It stops right after its start.',
    { why: said ? `its log:\n${visibleLines(said)}` : undefined },
  );
}

/** Carries an upgrade out. @throws as carryOut */
export function swapProgram(
  context: Context,
  request: ServerRequest,
  { upgrade, found, old }: { upgrade: Upgrade; found: Found; old: string[] },
): Promise<Outcome> {
  const { host } = context;
  const folder = placeFor(request.settings.dir);
  const unserved = new Set(old);
  const program = { path: join(folder, 'registry'), sha256: found.sha256 };
  const wanted: ServerRequest = { ...request, archive: found.archive, program };
  const proof: Proof = {
    request: wanted,
    upgrades: [upgrade],
    images: {},
    isOld: (name) => unserved.has(name),
    taken: [],
    samples: [],
  };
  return carryOut(wanted, context, {
    // Before anything else: the program that runs is replaced as a file long before its service starts again.
    async first(run) {
      await stage(folder, found, host, run);
      const trial = trialStep(proof, programBeside(proof, context, folder), context, run);
      await runSteps([trial], context.output, context.signal);
    },
    beforeStart: () => [],
    afterProof: (run) => [
      afterSwap(proof, context, run),
      {
        title: 'Tidied up',
        async run() {
          await host.removeTree(folder);
          return undefined;
        },
      },
    ],
  });
}
