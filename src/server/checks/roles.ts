// Proves token mode: each role can do what it may, and is refused everything else. Checks the refusals as strictly.
import { isRunning, lastLines } from '../../engines/engine.ts';
import { CliError } from '../../errors.ts';
import { holdConnections } from '../../host/hold-connections.ts';
import type { Host } from '../../host/host.ts';
import { type Change, keyOf } from '../../reconcile/reconcile.ts';
import { catalog, deleteManifest, digest } from '../../registry/api.ts';
import { type Credentials, type Endpoint, STRANGER } from '../../registry/http.ts';
import { call } from '../../registry/token.ts';
import { TAG } from '../../resources/sweep.ts';
import type { Secret } from '../../secret.ts';
import { tokenPort } from '../../settings/gateway.ts';
import { readersOf, sampleRepository } from '../../settings/readers.ts';
import type { Settings } from '../../settings/settings.ts';
import { authConfigPath, authName } from '../auth/docker-auth.ts';
import {
  deleteImage,
  makeTestImage,
  pullImage,
  pushImage,
  type Remember,
  sweepImage,
  type TestImage,
  testName,
} from './test-image.ts';

/** Milliseconds. docker_auth re-reads its file two seconds after the last change (auth_server/main.go): no sooner, and not much later. */
const SETTLES = 1_000;
const RELOADS_WITHIN = 20_000;

/**
 * Waits until the log of docker_auth says that it serves the new configuration.
 * @param began when the run began; older lines are about older files
 * @throws CliError if docker_auth does not take the configuration, or does not answer
 */
export async function untilAuthServes(
  host: Host,
  settings: Settings,
  changes: Change[],
  began: Date,
  report: (text: string) => void,
): Promise<void> {
  const name = authName(settings);
  const config = authConfigPath(settings.dir);
  const touched = changes
    .map(({ resource }) => keyOf(resource))
    .some(({ kind, id }) => (kind === 'file' && id === config) || (kind === 'container' && id === name));
  if (!touched) return;
  const silent = async () =>
    new CliError('docker_auth does not answer.', {
      why: `its log:\n${(await lastLines(host, settings, { name })).join('\n')}`,
    });
  const since = performance.now();
  const serves = async (within: number): Promise<boolean> => {
    for (;;) {
      const lines = await lastLines(host, settings, { name, lines: 30, since: began });
      const last = lines.findLast((line) =>
        /Serving on|Failed to reload config|Config error|F\d{4} /.test(line),
      );
      if (last?.includes('Serving on')) return true;
      if (last) throw new CliError('docker_auth does not accept its configuration.', { why: last });
      if (!(await isRunning(host, settings, name))) throw await silent();
      if (performance.now() - since > within) return false;
      report('waiting for docker_auth to read its users again');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  if (await serves(SETTLES)) return;
  // A reload cuts off open connections. Earlier ones have ended by then, and new ones wait.
  const door = { bind: settings.bind, port: tokenPort(settings) };
  if (!(await holdConnections(host, [door], () => serves(RELOADS_WITHIN)))) throw await silent();
}

type Known = Map<string, Secret>;

/** A role may do what the user did not ask for, or may not do what the user asked for. */
class Broken extends Error {}

/** The status of a refusal, by the registry or by the token server. */
const REFUSED = [401, 403];

async function refused(what: string, reply: Promise<{ status: number }>): Promise<void> {
  const { status } = await reply;
  if (!REFUSED.includes(status)) throw new Broken(`${what}, and the registry answered ${status}`);
}

const push = (at: Endpoint, { repository }: TestImage, who: Credentials) =>
  call(at, 'POST', `/v2/${repository}/blobs/uploads/`, { credentials: who });
const pull = (at: Endpoint, { repository }: TestImage, who: Credentials) =>
  call(at, 'GET', `/v2/${repository}/manifests/${TAG}`, { credentials: who, headers: { accept: '*/*' } });
const remove = (at: Endpoint, { repository, manifest }: TestImage, who: Credentials) =>
  deleteManifest(at, repository, digest(manifest), who);

/** Checks that a role may pull the image, and no more. */
async function onlyPulls(at: Endpoint, name: string, image: TestImage, who: Credentials): Promise<void> {
  const { status } = await pull(at, image, who);
  if (REFUSED.includes(status)) throw new Broken(`${name} may not pull ${image.repository}`);
  await refused(`${name} pushed`, push(at, image, who));
  await refused(`${name} deleted`, remove(at, image, who));
}

async function nothing(at: Endpoint, name: string, image: TestImage, who: Credentials): Promise<void> {
  await refused(`${name} pulled ${image.repository}`, pull(at, image, who));
  await refused(`${name} pushed`, push(at, image, who));
  await refused(`${name} deleted`, remove(at, image, who));
}

/**
 * Checks what each role may do. Returns what was proved, in one line.
 * @param known the passwords that this run knows; a reader without one is left out
 * @param admin a user who may do everything
 * @param remember writes each test image to the journal before it is pushed
 * @throws CliError if a role may do more or less than the user asked for
 */
export async function checkRoles(
  settings: Settings,
  at: Endpoint,
  known: Known,
  admin: Credentials,
  host: Host,
  remember: Remember,
): Promise<string> {
  const image = makeTestImage();
  const images = [image];
  const readers = readersOf(settings).flatMap((reader) => {
    const password = known.get(reader.name);
    return password ? [{ ...reader, who: { user: reader.name, password } }] : [];
  });
  try {
    await remember(image);
    await pushImage(at, image, admin);
    await pullImage(at, image, admin);
    await catalog(at, admin);
    for (const reader of readers) {
      const name = testName();
      const own = reader.scopes.length === 0 ? image : makeTestImage(sampleRepository(reader, name));
      // A repository given by its full name may hold the user's images: a test image is requested from it, but not pushed.
      if (own !== image && own.repository.endsWith(name)) {
        images.push(own);
        await remember(own);
        await pushImage(at, own, admin);
        await pullImage(at, own, reader.who);
      }
      await onlyPulls(at, reader.name, own, reader.who);
      if (reader.scopes.length === 0) continue;
      await nothing(at, reader.name, image, reader.who);
      await refused(
        `${reader.name} listed everything`,
        call(at, 'GET', '/v2/_catalog', { credentials: reader.who }),
      );
    }
    if (settings.anonymousPull) await onlyPulls(at, 'somebody without a login', image, STRANGER);
    else await nothing(at, 'somebody without a login', image, STRANGER);
    await refused(
      'somebody without a login listed everything',
      call(at, 'GET', '/v2/_catalog', { credentials: STRANGER }),
    );
    for (const pushed of images) await deleteImage(at, pushed, settings.delete, admin);
  } catch (error) {
    throw await explained(error as Error, settings, host);
  } finally {
    for (const pushed of images) await sweepImage(settings.storage, pushed, host);
  }
  const names = readers.map(({ name }) => name);
  const pulls = names.length > 0 ? `, ${names.join(', ')} only ${names.length > 1 ? 'pull' : 'pulls'}` : '';
  return `${admin.user} pushes, pulls and deletes${pulls}, strangers ${settings.anonymousPull ? 'only pull' : 'are refused'}`;
}

/** How the registry's log refuses a token. (distribution: registry/auth/token/token.go, the same words in 2.8 and 3.1) */
const REFUSALS: [RegExp, string][] = [
  [/token signed by untrusted key with ID/, 'it does not know the key that signs them'],
  [/token from untrusted issuer/, 'they come from another issuer'],
  [/token intended for another audience/, 'they are for another service'],
  [/token not to be used (before|after)/, 'its clock and that of docker_auth differ'],
];

/** Puts an error into the user's words. A CliError has them already and stays unchanged, unless the log shows a known cause. */
async function explained(error: Error, settings: Settings, host: Host): Promise<CliError> {
  if (error instanceof Broken) return new CliError(`The roles do not match the settings: ${error.message}.`);
  const log = (await lastLines(host, settings, { lines: 20 })).join('\n');
  const why = `${error.message}\nits log:\n${log}`;
  const cause = REFUSALS.find(([pattern]) => pattern.test(log))?.[1];
  if (cause)
    return new CliError(`The registry does not accept the tokens of docker_auth: ${cause}.`, { why });
  if (error instanceof CliError) return error;
  return new CliError('A test image could not be pushed, pulled and deleted as the roles say.', { why });
}

/** Does work that needs a token. @throws CliError that says, from the registry's log, why the work failed */
export async function withCause<T>(settings: Settings, host: Host, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw await explained(error as Error, settings, host);
  }
}
