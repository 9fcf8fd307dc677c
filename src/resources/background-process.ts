// A program that runs in the background on a machine without systemd: a shell script starts it, and restarts it when it dies.
import { CliError } from '../errors.ts';
import { holdConnections, type Listener, untilListening } from '../host/hold-connections.ts';
import type { Host } from '../host/host.ts';
import { scriptFiles, scriptProcess } from '../host/service-manager.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, serviceLines } from './provider.ts';

/** A program that a shell script keeps running on a machine without systemd. `door`: the port that it listens on. */
export interface ProcessResource {
  kind: 'process';
  name: string;
  script: string;
  digest: string;
  door?: Listener;
}

/** `digest`: of the process to start; `was`: of the process before the change, which stays if it still runs. */
type ProcessStep = { do: 'process'; name: string; script: string; digest?: string; was?: string };

/** Milliseconds; the registry finishes open requests first (http.draintimeout). */
const STOPS_WITHIN = 40_000;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts the script in its own session, without this program's streams: it outlives this program and its terminal. */
async function start(host: Host, script: string, digest: string): Promise<void> {
  const line = 'setsid /bin/sh "$0" "$1" </dev/null >/dev/null 2>&1 &';
  const { code, stderr } = await host.run('/bin/sh', ['-c', line, script, digest]);
  if (code !== 0) throw new CliError(`${script} could not be started.`, { why: stderr.trim() });
  for (let waited = 0; waited < 5_000; waited += 20) {
    if (await scriptProcess(host, script)) return;
    await sleep(20);
  }
  throw new CliError(`${script} ended right after its start.`, {
    fix: shellLine('tail', [scriptFiles(script).log]),
  });
}

async function stop(host: Host, script: string): Promise<void> {
  const there = await scriptProcess(host, script);
  if (!there) return;
  for (let waited = 0; waited < STOPS_WITHIN; waited += 20) {
    // Repeats the signal every second: a shell may miss it between two commands.
    const kill = ['-c', 'kill -TERM "$0"', String(there.pid)];
    const said = waited % 1_000 === 0 ? await host.run('/bin/sh', kill) : undefined;
    if (!(await scriptProcess(host, script))) return;
    if (said && said.code !== 0)
      throw new CliError(`${script} could not be stopped.`, { why: said.stderr.trim() });
    await sleep(20);
  }
  throw new CliError(`${script} does not stop.`, { fix: `kill -9 ${there.pid}` });
}

export const background: Provider<ProcessResource, ProcessStep> = {
  title: ({ name }) => `background process ${name}`,
  id: ({ name }) => name,
  removed: (name) => `background process ${name}`,
  review: serviceLines,

  async check({ script, digest }, host) {
    const there = await scriptProcess(host, script);
    if (there?.digest === digest) return undefined;
    const what = there ? 'change' : 'create';
    return {
      what,
      details: [`${shellLine('setsid', ['sh', script])} &`, 'it does not start with the machine'],
    };
  },

  async undo({ name, script }, host) {
    const there = await scriptProcess(host, script);
    const off: ProcessStep = { do: 'process', name, script };
    if (!there) return { steps: [off] };
    const { digest } = there;
    return { steps: [{ ...off, was: digest }], last: [{ ...off, digest }] };
  },

  async apply({ script, digest, door: at }, host) {
    const door = (await scriptProcess(host, script)) && at;
    await holdConnections(host, door ? [door] : [], async () => {
      await stop(host, script);
      await start(host, script, digest);
      if (door) await untilListening(host, door.port);
    });
  },

  steps: {
    process: {
      perform: undoProcess,
      isLeft: async ({ script }, host) => (await scriptProcess(host, script)) !== undefined,
      async inverse({ was: _, ...step }, host) {
        const there = await scriptProcess(host, step.script);
        return { steps: [], last: there ? [{ ...step, digest: there.digest }] : [] };
      },
      words: ({ script }) => `kill $(${shellLine('cat', [scriptFiles(script).pid])})`,
      asOldest: ({ was: _, ...step }) => step,
    },
  },
};

/** Stops the process; with a digest, starts it again as it was. One that was never stopped is left alone. */
async function undoProcess({ script, digest, was = digest }: ProcessStep, host: Host): Promise<void> {
  const there = await scriptProcess(host, script);
  if (there && there.digest === was) return;
  await stop(host, script);
  if (digest !== undefined) await start(host, script, digest);
  else for (const path of Object.values(scriptFiles(script))) await host.remove(path);
}
