// What is checked before anything is touched, and the proof after it; one file a subject.
// Proves what the registry does, not what its files say: it ignores misspelt YAML in silence.
import { randomBytes } from 'node:crypto';
import { isRunning, lastLines } from '../../engines/engine.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import type { Step } from '../../reconcile/progress.ts';
import type { Change } from '../../reconcile/reconcile.ts';
import { ask, type Credentials, type Endpoint } from '../../registry/http.ts';
import { call, challengeOf } from '../../registry/token.ts';
import { Secret } from '../../secret.ts';
import { hasAuthPort } from '../../settings/gateway.ts';
import type { Settings } from '../../settings/settings.ts';
import { foreignRealm, hasDockerAuth } from '../../settings/token-server.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Report } from '../../terminal/output.ts';
import { shellLine } from '../../terminal/shell.ts';
import { ownEndpoint } from '../plan/endpoint.ts';
import type { Secrets } from '../plan/secrets.ts';
import { checkRoles, untilAuthServes, withCause } from './roles.ts';
import { deleteImage, makeTestImage, pullImage, pushImage, type Remember, sweepImage } from './test-image.ts';
import { checkTls } from './tls.ts';
import { checkWitness } from './tokens.ts';

/** Milliseconds that a registry may take from its start to its first answer. */
const UP_WITHIN = 30_000;
/** Errors of a registry that is not up yet. */
const NOT_YET = /ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EAI_|socket hang up/;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns the cause that the registry's log shows, in the user's words; the first that matches. */
function knownCause(log: string, { storage }: Settings): { message: string; fix: string[] } | undefined {
  const causes: [RegExp, string, string[]][] = [
    [
      /(mkdir|open|stat) .*\/docker(\/registry)?\b.*permission denied/,
      `it cannot write to ${storage}`,
      [shellLine('chown', ['root', storage])],
    ],
    [/no space left on device/, `the disk of ${storage} is full`, [shellLine('df', ['-h', storage])]],
    [
      /read-only file system/,
      `${storage} is on a read-only file system`,
      [shellLine('findmnt', ['-T', storage])],
    ],
    [/exec format error/, 'its image was made for another kind of processor', [commandLine('--image REF')]],
  ];
  const hit = causes.find(([pattern]) => pattern.test(log));
  return hit && { message: hit[1], fix: hit[2] };
}

/** Returns the error for a registry that failed: its last log lines, and the cause if it is known. */
async function failure(host: Host, settings: Settings, what: string): Promise<CliError> {
  const lines = await lastLines(host, settings);
  const cause = knownCause(lines.join('\n'), settings);
  return new CliError(`The registry ${what}${cause ? `: ${cause.message}` : ''}.`, {
    why: `its log:\n${lines.join('\n')}`,
    fix: cause?.fix ?? [],
  });
}

/** Waits for the first answer of a registry that was just started. @throws CliError with its last words if it does not answer */
export async function untilUp(host: Host, settings: Settings, at: Endpoint, report: Report) {
  const since = performance.now();
  for (let round = 0; ; round++) {
    const reply = await ask(at, 'GET', '/v2/', { timeout: 5_000 }).catch(
      (error: NodeJS.ErrnoException) => error,
    );
    if (!(reply instanceof Error) && (reply.status === 200 || reply.status === 401)) return;
    // With a wrong certificate the registry is up: the handshakes that follow tell what is wrong.
    if (reply instanceof Error && !NOT_YET.test(`${reply.code} ${reply.message}`)) return;
    const waited = performance.now() - since;
    // Asking the engine costs more than asking the registry: every tenth round is enough.
    if (round % 10 === 9 || waited > UP_WITHIN) {
      if (!(await isRunning(host, settings)))
        throw await failure(host, settings, 'stopped right after its start');
      report(
        `waiting for an answer on port ${settings.port} (${Math.round(waited / 1000)} s of ${UP_WITHIN / 1000} s)`,
      );
    }
    if (waited > UP_WITHIN) {
      const why = reply instanceof Error ? reply.message : `answers ${reply.status}`;
      throw await failure(host, settings, `did not answer within ${UP_WITHIN / 1000} s (${why})`);
    }
    await sleep(Math.min(25 + round * 10, 250));
  }
}

async function mustAnswer(at: Endpoint, wanted: number, who: string, credentials?: Credentials) {
  const { status } = await call(at, 'GET', '/v2/', { credentials });
  if (status === wanted) return;
  throw new CliError(`The registry answers ${status} to ${who}, and should answer ${wanted}.`, {
    fix: commandLine('status'),
  });
}

/** Checks that the registry lets in everybody whom it should, and nobody else. */
async function checkLogins(settings: Settings, at: Endpoint, known: Map<string, Secret>): Promise<string> {
  if (settings.auth === 'none') {
    await mustAnswer(at, 200, 'everybody');
    return `Answers as ${settings.host}, to everybody`;
  }
  await mustAnswer(at, 401, 'somebody without a login');
  if (foreignRealm(settings) !== undefined) return namesTokenServer(settings, at);
  const [first = ''] = settings.users;
  await mustAnswer(at, 401, 'a wrong password', {
    user: first,
    password: new Secret(randomBytes(12).toString('hex')),
  });
  for (const [user, password] of known) await mustAnswer(at, 200, user, { user, password });
  const names = [...known.keys()];
  return `Answers as ${settings.host}, refuses strangers${names.length > 0 ? `, lets ${names.join(', ')} in` : ''}`;
}

/** Checks that the registry names the token server. Without a login there no more can be proved. */
async function namesTokenServer(settings: Settings, at: Endpoint): Promise<string> {
  const asked = challengeOf(await ask(at, 'GET', '/v2/'));
  if (asked?.realm !== settings.tokenRealm)
    throw new CliError(`The registry sends logins to ${asked?.realm}, and not to ${settings.tokenRealm}.`, {
      fix: commandLine('status'),
    });
  return `Sends logins to ${settings.tokenRealm}; no more was tried: a login there is needed`;
}

/** Pushes a tiny image, pulls it, deletes it, and removes what the registry keeps of it. */
async function roundTrip(
  settings: Settings,
  at: Endpoint,
  host: Host,
  remember: Remember,
  credentials?: Credentials,
): Promise<string> {
  const image = makeTestImage();
  await remember(image);
  try {
    await pushImage(at, image, credentials);
    await pullImage(at, image, credentials);
    await deleteImage(at, image, settings.delete, credentials);
  } catch (error) {
    const cause = await failure(host, settings, 'could not store a test image and return it');
    throw new CliError(cause.message, { why: `${(error as Error).message}\n${cause.why}`, fix: cause.fix });
  } finally {
    await sweepImage(settings.storage, image, host);
  }
  return settings.delete ? 'A test image pushed, pulled and removed' : 'A test image pushed and pulled';
}

/**
 * Returns the steps of the proof that follows a change.
 * @param secrets has the passwords that this run knows; if it knows none, checks that need a login are left out
 * @param changes the changes of this run
 * @param remember writes each test image to the journal before it is pushed
 */
export function liveChecks(
  settings: Settings,
  { known, site, probeAccount }: Secrets,
  changes: Change[],
  host: Host,
  remember: Remember,
): Step[] {
  const at = ownEndpoint(settings, site);
  const [user, password] = [...known].find(([name]) => settings.users.includes(name)) ?? [];
  const credentials = user && password ? { user, password } : undefined;
  const began = new Date();
  const up = async (report: Report) => {
    await untilUp(host, settings, at, report);
    if (hasDockerAuth(settings)) await untilAuthServes(host, settings, changes, began, report);
  };
  const servers = hasAuthPort(settings) ? [at, { ...at, port: settings.authPort }] : [at];
  // Checks the certificate first: with a wrong one, no login can be tried.
  const tls: Step = {
    title: 'TLS',
    run: async (report) => {
      await up(report);
      return site && checkTls(site, servers, settings);
    },
  };
  const logins: Step = {
    title: `Answers as ${settings.host}`,
    run: async (report) => {
      if (!site) await up(report);
      return withCause(settings, host, () => checkLogins(settings, at, known));
    },
  };
  const steps = site ? [tls, logins] : [logins];
  if (hasDockerAuth(settings) && credentials)
    steps.push({ title: 'Roles', run: () => checkRoles(settings, at, known, credentials, host, remember) });
  else if (hasDockerAuth(settings) && probeAccount)
    steps.push({
      title: 'Tokens',
      run: () => withCause(settings, host, () => checkWitness(at, probeAccount)),
    });
  else if (settings.auth === 'none' || credentials)
    steps.push({ title: 'A test image', run: () => roundTrip(settings, at, host, remember, credentials) });
  return steps;
}
