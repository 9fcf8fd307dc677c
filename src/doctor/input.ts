// Finds out what the checks look at: the registry of this machine, the registries that it uses, the programs that pull.
import { finderOf, findPerson, findTargets } from '../client/detect.ts';
import type { ClientRequest } from '../client/options.ts';
import { memoryBase, remembered } from '../client/records.ts';
import type { Target } from '../client/target.ts';
import { type Context, dirOf } from '../context.ts';
import { logCommand } from '../engines/engine.ts';
import { startedDocker } from '../engines/pending.ts';
import { type EngineInfo, type EngineState, readyInfo } from '../engines/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { bracketed } from '../host/names.ts';
import { endpointHere } from '../images/remote.ts';
import { readUnfinished } from '../reconcile/journal.ts';
import { lockHolder } from '../reconcile/lock.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { outsideEndpoint } from '../server/checks/outside.ts';
import { loadExisting } from '../server/existing.ts';
import { ownEndpoint } from '../server/plan/endpoint.ts';
import type { ServerRequest } from '../server/request.ts';
import { type Address, nameOf, parseAddress } from '../settings/address.ts';
import { portsTaken } from '../settings/gateway.ts';
import { publicAddress } from '../settings/public-address.ts';
import { commandLine } from '../terminal/command.ts';
import type { Asked, CheckInput, Trouble } from './check.ts';
import type { OwnRegistry } from './explain/message.ts';
import { trouble } from './found.ts';
import { registriesNamed } from './named.ts';

export interface Found {
  input: CheckInput;
  /** What kept the registry of this machine from being read. */
  troubles: Trouble[];
}

/** @param named the registry of --host, if the user named one: then it alone is asked */
export async function findInput(context: Context, named: Address | undefined): Promise<Found> {
  const troubles: Trouble[] = [];
  const server = named ? undefined : await ownServer(context, troubles);
  const registries = await registriesOf(context, server, named);
  const targets = await targetsFor(context, registries[0]);
  return { input: { context, server, registries, targets }, troubles };
}

/** Returns the engine, also if it does not run: that is a finding, and not the only one. */
const engineEvenStopped = (found: EngineState): EngineInfo =>
  found.state === 'stopped' ? startedDocker(true) : readyInfo(found);

/** Tells whether a run was killed here, and has not been undone. */
const isKilled = async (host: Host, dir: string): Promise<boolean> =>
  (await lockHolder(host, dir)) === undefined && (await readUnfinished(host, dir)) !== undefined;

/** Returns the registry of this machine, if there is one and it can be read. */
async function ownServer(context: Context, troubles: Trouble[]): Promise<ServerRequest | undefined> {
  try {
    return await loadExisting(context, {}, {}, engineEvenStopped);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const dir = dirOf(context.answers);
    if (error.code === 'no registry' && (await isKilled(context.host, dir))) {
      const apply = () => awaitTurn(context, dir);
      troubles.push(
        trouble('unfinished-run', error.message, {
          mend: error.fix,
          fix: { title: 'undoes what the interrupted run had done', apply },
        }),
      );
      return undefined;
    }
    // A machine without a registry is a client; of a directory that the user names, its absence is the finding.
    if (error.code !== 'no registry' || context.answers.dir)
      troubles.push({
        code: 'registry-here',
        severity: 'broken',
        cause: error.message,
        // Files of root are no riddle for a user without root.
        mend:
          context.host.machine.uid === 0
            ? error.fix
            : [...error.fix, `As root: sudo ${commandLine('doctor')}`],
      });
    return undefined;
  }
}

async function registriesOf(
  context: Context,
  server: ServerRequest | undefined,
  named: Address | undefined,
): Promise<Asked[]> {
  const { host, env } = context;
  const ask = async (at: Address): Promise<Asked> => ({
    address: nameOf(at),
    at: await endpointHere(host, env, at),
  });
  /** Behind a proxy, as its clients reach it; else by the way that this machine is sure of. */
  const ownAt = async ({ settings, certificates }: ServerRequest) =>
    settings.externalUrl === undefined
      ? ownEndpoint(settings, certificates.site)
      : outsideEndpoint(settings, host, env);
  if (named) return [await ask(named)];
  const own = server && {
    address: publicAddress(server.settings).name,
    at: await ownAt(server),
  };
  const others = (await registriesUsed(context, own !== undefined)).filter(
    (at) => nameOf(at) !== own?.address,
  );
  return [...(own ? [own] : []), ...(await Promise.all(others.map(ask)))];
}

/** Returns the registries that this machine has joined; without any, on a client, those that its own files name. */
export async function registriesUsed({ host, env }: Context, isServer: boolean): Promise<Address[]> {
  const joined = await remembered(host, memoryBase(await findPerson(host, env), env)).catch(() => []);
  const known = joined.flatMap((name) => {
    const parsed = parseAddress(name.includes(':') ? name : `${name}:443`);
    return 'message' in parsed ? [] : [parsed];
  });
  return known.length > 0 || isServer ? known : registriesNamed(host, env);
}

/** Returns the programs of this machine that pull images. Asks for nothing, and plans no restart. */
async function targetsFor({ host, env }: Context, asked: Asked | undefined): Promise<Target[]> {
  const { host: name = 'localhost', port = 5000 } = asked?.at ?? {};
  const request: ClientRequest = {
    host: name,
    port,
    name: asked?.address ?? `${name}:${port}`,
    targets: [],
    mirror: false,
  };
  const person = await findPerson(host, env);
  const mayRestart = async () => false;
  const look = { host, env, request, person, has: finderOf(host, env), mayRestart };
  // A daemon that does not answer is what the checks of the machine report.
  return findTargets({ ...look, made: new Set(), blocked: new Map() }).catch((error) => {
    if (error instanceof CliError) return [];
    throw error;
  });
}

/** Returns what advice may use of the registry on this machine. */
export async function ownRegistryOf(
  { host, answers }: Context,
  server: Pick<ServerRequest, 'settings'> | undefined,
): Promise<OwnRegistry | undefined> {
  if (!server) return undefined;
  const { settings } = server;
  return {
    address: publicAddress(settings).name,
    names: [
      settings.host,
      ...settings.san,
      'localhost',
      ...host.machine.addresses.map(({ address: ip }) => bracketed(ip)),
      '127.0.0.1',
      '[::1]',
    ].map((name) => name.toLowerCase()),
    ports: [publicAddress(settings).port, ...portsTaken(settings)],
    tls: publicAddress(settings).tls,
    dir: answers.dir ? dirOf(answers) : undefined,
    log: await logCommand(host, settings),
  };
}
