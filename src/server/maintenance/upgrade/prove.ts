// The proof of an upgrade: the new images beside the old ones before the swap, and the registry itself after it.
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Context } from '../../../context.ts';
import { CliError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import type { Step } from '../../../reconcile/progress.ts';
import type { Run } from '../../../reconcile/run.ts';
import { ask, type Endpoint } from '../../../registry/http.ts';
import { isRepository } from '../../../registry/names.ts';
import { type Authority, openSession } from '../../../registry/session.ts';
import { fetchToken } from '../../../registry/token.ts';
import { hasGateway, tokenPort } from '../../../settings/gateway.ts';
import { publicAddress } from '../../../settings/public-address.ts';
import type { Settings } from '../../../settings/settings.ts';
import { foreignRealm } from '../../../settings/token-server.ts';
import { count, type Report } from '../../../terminal/output.ts';
import { shellLine } from '../../../terminal/shell.ts';
import { withAuthority, withOwnSession } from '../../access.ts';
import type { ProbeAccount } from '../../auth/probe-account.ts';
import { makePlan } from '../../make-plan.ts';
import { ownEndpoint } from '../../plan/endpoint.ts';
import type { ServerRequest } from '../../request.ts';
import { repositoriesOnDisk } from '../storage.ts';
import { compare, type Sample, stillThere } from './compare.ts';
import type { Upgrade } from './judge.ts';
import { endTrial, freePorts, startTrial, trialOf, untilTrialUp } from './trial.ts';
import type { PerRole, Role } from './wanted.ts';
import { pushOnce } from './write-check.ts';

/** Milliseconds that the whole trial may take. */
const LIMIT = 15 * 60_000;

export interface Proof {
  request: ServerRequest;
  upgrades: Upgrade[];
  /** The images of the trial by their ids: of a service that is not upgraded, the one that runs. */
  images: PerRole<string>;
  /** Tells of an image that the new registry cannot serve, as the user knows. */
  isOld(name: string): boolean;
  /** Names that lead to the new image already, by somebody's hand: without this run the next one would take it. */
  taken: string[];
  /** Receives what was looked at. */
  samples: Sample[];
}

/** What runs beside the registry for the time of the trial. */
interface Beside {
  registry: Endpoint;
  /** Of the new docker_auth, and the account that may do nothing. */
  tokens?: { auth: Endpoint; probe: ProbeAccount } | undefined;
  /** @throws CliError with its last words if it does not answer */
  untilUp(signal: AbortSignal): Promise<void>;
  end(host: Host): Promise<void>;
}

/** Starts it. The journal has its way back first. */
export type Begin = (run: Run) => Promise<{ beside: Beside; start(): Promise<void> }>;

/** Starts the containers of the plan a second time, with the new images. */
export const containersBeside =
  ({ request, images }: Proof, context: Context): Begin =>
  async (run) => {
    const { host } = context;
    const { settings, certificates } = request;
    const { plan, secrets } = await makePlan(request, context, run.oldest, true);
    const random = randomBytes(4).toString('hex');
    const ports = await freePorts(host, Number.parseInt(random, 16));
    const trial = trialOf(plan, settings, { images, ports, random });
    const at = (role: Role): Endpoint => ({
      ...ownEndpoint(settings, certificates.site),
      // Behind the gateway they speak plain HTTP.
      ...(hasGateway(settings) && { tls: false }),
      port: ports[role],
      connectTo: '127.0.0.1',
    });
    const path: Record<Role, string> = { registry: '/v2/', auth: '/auth' };
    const { probeAccount: probe } = secrets;
    return {
      beside: {
        registry: at('registry'),
        tokens: probe && { auth: at('auth'), probe },
        async untilUp(signal) {
          for (const one of trial.services)
            await untilTrialUp(one, { at: at(one.role), path: path[one.role] }, host, signal);
        },
        end: (machine) => endTrial(trial, machine),
      },
      start: () => startTrial(trial, host, run),
    };
  };

/** Returns the step that tries the new registry beside the old one. It goes whatever happens, also after a kill: the journal has it. */
export const trialStep = (proof: Proof, begin: Begin, context: Context, run: Run): Step => ({
  title: 'Tried beside the one that runs',
  async run(report) {
    const { beside, start } = await begin(run);
    const limit = AbortSignal.timeout(LIMIT);
    const signal = AbortSignal.any([context.signal, limit]);
    // Every request listens to it.
    setMaxListeners(0, signal);
    try {
      await start();
      return await tried(proof, { ...context, signal }, run, { beside, report });
    } catch (error) {
      if (limit.aborted)
        throw new CliError(`The trial of the new registry took longer than ${LIMIT / 60_000} minutes.`);
      if (context.signal.aborted) throw error;
      const { message, why } = error as CliError;
      const names = proof.upgrades.map(({ to }) => to.ref).join(' and ');
      throw new CliError(`${names} cannot take over: the trial beside what runs failed.`, {
        why: [message, why].filter(Boolean).join('\n'),
        fix: [
          // The trial of a program comes before everything that would have to be put back.
          ...(proof.request.program ? ['Nothing was changed.'] : []),
          ...keepLines(proof),
        ],
      });
    } finally {
      await beside.end(context.uninterruptible);
    }
  },
});

/** Returns how to keep what runs, if a name leads to the new image whatever this run does. */
const keepLines = ({ upgrades, taken, request }: Proof): string[] =>
  upgrades.flatMap(({ from, to }) =>
    taken.includes(to.ref) && from.ref === to.ref
      ? [
          `${to.ref} leads to that image here, so the next run would take it. To keep what runs:`,
          `  ${shellLine(request.settings.engine, ['tag', from.id, to.ref])}`,
        ]
      : [],
  );

interface Trying {
  beside: Beside;
  report: Report;
}

/** Does all checks of the trial, and returns what was proved, in one line. */
async function tried(
  { request, upgrades, isOld, samples }: Proof,
  context: Context,
  run: Run,
  { beside, report }: Trying,
): Promise<string> {
  const { settings, certificates } = request;
  const { host, signal } = context;
  const now = ownEndpoint(settings, certificates.site);
  report('waiting for its first answer');
  await beside.untilUp(signal);
  await mustBeRegistry(beside.registry, settings);
  if (beside.tokens) {
    // Registry 2 knows no key by the name that the docker_auth of registry 3 gives it.
    const isBack = upgrades.some(({ from, to }) => from.major === 3 && to.major === 2);
    const server = isBack ? undefined : { ...now, port: tokenPort(settings) };
    const { auth, probe } = beside.tokens;
    await tokensTaken(settings, probe, { now: server, next: beside.registry, auth });
  }
  const foreign = foreignRealm(settings);
  if (foreign !== undefined)
    return `Tried beside the one that runs: it sends logins to ${foreign}; the images were not compared, which needs one`;
  const found = await withAuthority(context, settings, (authority) => looked(authority), run);
  samples.push(...found.samples);
  const [repositories, tags] = [
    count(found.repositories, 'repository', 'repositories'),
    count(found.tags, 'tag'),
  ];
  return `Tried beside the one that runs: ${repositories}, ${tags}, the same${settings.auth === 'none' ? '' : '; logins'}`;

  async function looked(authority: Authority) {
    const [one, other] = [now, beside.registry].map((endpoint) =>
      openSession(endpoint, publicAddress(settings).name, authority, signal),
    );
    if (!one || !other) throw new Error('two sessions');
    try {
      const { status } = await other.request('GET', '/v2/');
      if (status !== 200) throw new CliError(`It answers ${status} to a login.`);
      const names = (await repositoriesOnDisk(host, settings.storage)).filter(isRepository);
      return await compare(names, one, other, isOld, report);
    } finally {
      one.close();
      other.close();
    }
  }
}

/** @throws CliError if it is no registry, or lets in somebody whom it should not */
async function mustBeRegistry(at: Endpoint, { auth }: Settings): Promise<void> {
  const { status, headers } = await ask(at, 'GET', '/v2/');
  if (headers['docker-distribution-api-version'] !== 'registry/2.0')
    throw new CliError(`It is not a registry: it answers ${status} to /v2/.`);
  const wanted = auth === 'none' ? 200 : 401;
  if (status !== wanted)
    throw new CliError(`It answers ${status} to somebody without a login, and should answer ${wanted}.`);
}

/** Verifies that the new registry takes tokens of the new docker_auth, and those of the one that runs, which clients have. */
async function tokensTaken(
  settings: Settings,
  probe: ProbeAccount,
  { now, next, auth }: { now: Endpoint | undefined; next: Endpoint; auth: Endpoint },
): Promise<void> {
  const servers = [
    ['the new docker_auth', auth],
    ['the docker_auth that runs', now],
  ] as const;
  for (const [who, server] of servers) {
    if (!server) continue;
    const realm = `${server.tls ? 'https' : 'http'}://${server.host}:${server.port}/auth`;
    const credentials = { user: probe.name, password: probe.password };
    const token = await fetchToken(server, { realm, service: publicAddress(settings).name }, credentials);
    // The one that runs may be of an older version of this program, which gave it no such account.
    if (typeof token !== 'string' && server !== auth) continue;
    if (typeof token !== 'string') throw new CliError(`${who} answers ${token.status} to a login.`);
    const { status } = await ask(next, 'GET', '/v2/', { headers: { authorization: `Bearer ${token}` } });
    if (status !== 200) throw new CliError(`It answers ${status} to a token of ${who}.`);
  }
}

/** Returns the step that looks at the registry after the swap: what was there is there, and it takes a push. */
export const afterSwap = ({ request, samples }: Proof, context: Context, run: Run): Step => ({
  title: 'The same images as before',
  async run() {
    const foreign = foreignRealm(request.settings);
    if (foreign !== undefined) return `Not compared with before: that needs a login of ${foreign}`;
    await withOwnSession(
      context,
      request,
      async (session) => {
        await stillThere(session, samples);
        await pushOnce(session, request.settings, context.host, run);
      },
      run,
    );
    return 'The same images as before; a test image pushed and pulled';
  },
});
