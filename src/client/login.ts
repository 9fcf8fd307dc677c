// Chooses the login, and asks the registry itself whether it accepts it, before anything is changed.
import { type Context, isOn, mayAsk } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { bare } from '../host/names.ts';
import { diff } from '../reconcile/reconcile.ts';
import { ask, type Credentials, type Endpoint, tokenServer } from '../registry/http.ts';
import { call, fetchToken } from '../registry/token.ts';
import { isOpen } from '../registry/version-check.ts';
import { keepsLogin, plainLogin, readAuthFile } from '../resources/login.ts';
import { givenPasswords } from '../settings/given-passwords.ts';
import { checkUser } from '../settings/validation.ts';
import { type Found, notARegistry } from './discover.ts';
import type { Former } from './former.ts';
import type { ClientRequest } from './options.ts';
import { type JoinInputs, trusted } from './plan.ts';
import type { Target } from './target.ts';

/** Tells whether the registry accepts a login. @throws CliError if it refuses its own tokens, or says neither yes nor no */
async function isWelcome(
  { login }: Found,
  at: Endpoint,
  credentials: Credentials,
  request: ClientRequest,
): Promise<boolean> {
  const answer =
    login.kind === 'token'
      ? await fetchToken(at, login, credentials)
      : await ask(at, 'GET', '/v2/', { credentials });
  const status = typeof answer === 'string' ? 200 : answer.status;
  if (
    status === 200 &&
    login.kind === 'token' &&
    (await call(at, 'GET', '/v2/', { credentials })).status === 401
  )
    throw new CliError(`The registry does not accept the tokens of ${login.realm}.`, {
      why: 'Their key, issuer or service differs, or the clocks do.',
      fix: 'On the server:   registry-setup --yes      (and registry-setup status)',
    });
  if (login.kind === 'proxy' && typeof answer !== 'string' && status === 200 && !isOpen(answer))
    throw notARegistry(request, 'with the login, /v2/ is a web page');
  if (status === 200) return true;
  if (status === 401 || status === 403) return false;
  throw new CliError(`The registry answers ${status} to a login.`);
}

/** Tells whether a program reaches the registry in the wanted way already, before this run changes anything. */
const isSo = async ({ resources }: Target, { trust, found }: JoinInputs, host: Host): Promise<boolean> =>
  (await diff(await resources(trust, found), host)).length === 0;

/** Tells whether the password is sent to the registry's own host, and not to another one that the registry names. */
const staysThere = ({ at, login }: Found): boolean =>
  login.kind !== 'token' || bare(tokenServer(at, login.realm).url.hostname) === bare(at.host);

/**
 * Tells whether a login that a program stores may be sent. Over TLS, yes. In clear only if it was sent in clear before: an earlier
 * run reached the registry by plain HTTP, and the program does so already.
 */
async function mayBeSent(target: Target, inputs: JoinInputs, former: Former, host: Host): Promise<boolean> {
  if (inputs.trust.kind !== 'http') return true;
  return former.way === 'http' && staysThere(inputs.found) && isSo(target, inputs, host);
}

/** Returns a login that a program stores as plain text and that may be sent; undefined if there is none. */
async function kept(host: Host, inputs: JoinInputs, former: Former, user: string | undefined) {
  for (const target of inputs.targets) {
    if (!target.login) continue;
    const found = plainLogin(await readAuthFile(host, target.login.file), inputs.request.name);
    if (
      found &&
      (user === undefined || user === found.user) &&
      (await mayBeSent(target, inputs, former, host))
    )
      return found;
  }
  return undefined;
}

/**
 * Verifies that no program starts to send a stored login in clear.
 * @param inputs with the login that this run makes; it replaces a stored one
 * @throws CliError (exit 2) that names the files
 */
export async function verifyNoneExposed(inputs: JoinInputs, host: Host): Promise<void> {
  const { request, trust, targets, credentials } = inputs;
  if (trust.kind !== 'http') return;
  const found: { file: string; tool: string }[] = [];
  for (const target of targets) {
    const { login, reads = [] } = target;
    if ((credentials && login) || (await isSo(target, inputs, host))) continue;
    for (const file of reads)
      if (await keepsLogin(host, file, request.name))
        found.push({ file, tool: file === login?.file ? login.tool : 'docker' });
  }
  if (found.length === 0) return;
  const files = [...new Set(found.map(({ file }) => file))];
  const tools = [...new Set(found.map(({ tool }) => tool))];
  throw new CliError(`A login for ${request.name} is kept here and would travel in clear from now on.`, {
    why: `Kept in ${files.join(', ')}; nothing shows that it was ever meant for plain HTTP.`,
    fix: [
      'Remove the login, then run this again:',
      ...tools.map((tool) => `  ${tool} logout ${request.name}`),
    ],
    exitCode: 2,
  });
}

/**
 * Returns the login to make, which the registry has accepted; undefined if none is needed, or none is given and nobody can be asked.
 * A dry run sends no password: it assumes that a given or stored one is right.
 * @throws CliError (exit 2) if the registry refuses the given password, or if the password of a named user is missing
 */
export async function chooseLogin(
  context: Context,
  inputs: JoinInputs,
  former: Former,
): Promise<Credentials | undefined> {
  const { answers, env, host, output } = context;
  const { request, found, trust, targets } = inputs;
  const at = trusted(found, trust);
  const dry = isOn(context, 'dry-run');
  const interactive = mayAsk(context);
  const welcome = async (credentials: Credentials) =>
    dry || (await isWelcome(found, at, credentials, request));
  if (found.login.kind === 'none' || !targets.some(({ login }) => login)) return undefined;
  const users = [request.user ?? 'admin'];
  const given = await givenPasswords(answers, env, host, users);
  const [entry] = [...given];
  if (entry) {
    const credentials = { user: entry[0], password: entry[1] };
    if (await welcome(credentials)) return credentials;
    throw new CliError(`The registry refuses ${credentials.user} with this password. Nothing was changed.`, {
      fix: ['Set a new one on the server:   registry-setup user password NAME'],
      exitCode: 2,
    });
  }
  const before = await kept(host, inputs, former, request.user);
  if (before && (await welcome(before))) return before;
  if (dry) return undefined;
  if (!output.terminal || (!interactive && !request.user)) {
    if (!request.user) return undefined;
    throw new CliError(`Missing: the password of ${request.user}.`, {
      fix: ['--password-stdin < FILE, --password-file FILE, or REGISTRY_SETUP_PASSWORD'],
      exitCode: 2,
    });
  }
  return askUntilWelcome(context, request, found, at);
}

async function askUntilWelcome(
  context: Context,
  request: ClientRequest,
  found: Found,
  at: Endpoint,
): Promise<Credentials> {
  const prompts = await context.prompts();
  let user = request.user;
  for (;;) {
    user ??= await prompts.input({
      message: 'Log in as',
      default: 'admin',
      validate: (text) => {
        const fault = checkUser(text.trim());
        return fault ? `${fault.message}.` : true;
      },
    });
    const password = await prompts.password({
      message: `Password of ${user}`,
      validate: (text) => text !== '' || 'A password cannot be empty.',
    });
    const credentials = { user: user.trim(), password };
    if (await isWelcome(found, at, credentials, request)) return credentials;
    context.output.say(
      `  ${context.output.paint('red', '✖')} The registry refuses ${credentials.user} with this password.`,
    );
    user = request.user;
  }
}
