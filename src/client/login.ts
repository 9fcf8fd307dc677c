// Whose login it is to be, and whether the registry takes it: asked of the registry itself, before anything is touched.
import { rootCertificates } from 'node:tls';
import { type Context, isOn } from '../context.ts';
import { CliError } from '../errors.ts';
import { ask, type Credentials, type Endpoint } from '../registry/http.ts';
import { call, tokenServerError } from '../registry/token.ts';
import { readAuthFile } from '../resources/login.ts';
import { Secret } from '../secret.ts';
import { givenPasswords } from '../settings/given-passwords.ts';
import { checkUser } from '../settings/validation.ts';
import type { Found } from './discover.ts';
import type { Wish } from './options.ts';
import type { Target } from './target.ts';

/** A token, from whom the registry names: trusted by the registry's roots, and elsewhere by the public ones as well. */
async function tokenFrom(
  at: Endpoint,
  { realm, service }: { realm: string; service: string },
  credentials: Credentials,
) {
  const url = new URL(realm);
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const to: Endpoint = {
    ...at,
    tls: url.protocol === 'https:',
    host: url.hostname,
    port,
    connectTo: undefined,
  };
  if (at.tls && !to.tls)
    throw new CliError(`The registry sends passwords to ${realm}, which is not TLS. Nothing was sent.`);
  // The same machine is reached in the same way.
  if (to.host === at.host) to.connectTo = at.connectTo;
  else if (at.ca) to.ca = [...at.ca, ...rootCertificates];
  const query = new URLSearchParams({ account: credentials.user, service });
  return ask(to, 'GET', `${url.pathname}?${query}`, { credentials }).catch((error) => {
    throw tokenServerError(realm, error);
  });
}

/** Whether the registry lets them in. @throws CliError where it says neither yes nor no */
export async function isWelcome({ login }: Found, at: Endpoint, credentials: Credentials): Promise<boolean> {
  const { status } =
    login.kind === 'token'
      ? await tokenFrom(at, login, credentials)
      : await ask(at, 'GET', '/v2/', { credentials });
  if (
    status === 200 &&
    login.kind === 'token' &&
    (await call(at, 'GET', '/v2/', { credentials })).status === 401
  )
    throw new CliError(`The registry does not take the tokens of ${login.realm}.`, {
      why: 'Their key, issuer or service is another, or the clocks differ.',
      fix: 'On the server:   registry-setup --yes      (and registry-setup status)',
    });
  if (status === 200) return true;
  if (status === 401 || status === 403) return false;
  throw new CliError(`The registry answers ${status} to a login.`);
}

/** A login that is kept already, as plain text. */
async function kept(context: Context, { name }: Wish, targets: Target[], user: string | undefined) {
  for (const { login } of targets) {
    if (!login) continue;
    const auth = (await readAuthFile(context.host, login.file)).auths?.[name]?.auth;
    const [, who = '', word = ''] =
      /^([^:]+):(.*)$/s.exec(Buffer.from(auth ?? '', 'base64').toString()) ?? [];
    if (who && (user === undefined || user === who)) return { user: who, password: new Secret(word) };
  }
  return undefined;
}

/**
 * The login to make, which the registry has already said yes to; undefined: none is needed, or none was given and nobody can be asked.
 * @param at the registry, with what is trusted
 */
export async function chooseLogin(
  context: Context,
  wish: Wish,
  found: Found,
  at: Endpoint,
  targets: Target[],
): Promise<Credentials | undefined> {
  const { answers, env, host, output } = context;
  const interactive = output.terminal && !isOn(context, 'yes');
  if (found.login.kind === 'none' || !targets.some(({ login }) => login)) return undefined;
  const users = [wish.user ?? 'admin'];
  const given = await givenPasswords(answers, env, host, users);
  const [entry] = [...given];
  if (entry) {
    const credentials = { user: entry[0], password: entry[1] };
    if (await isWelcome(found, at, credentials)) return credentials;
    throw new CliError(`The registry refuses ${credentials.user} with this password. Nothing was changed.`, {
      fix: ['On the server, a new one:   registry-setup user password NAME'],
      exitCode: 2,
    });
  }
  const before = await kept(context, wish, targets, wish.user);
  if (before && (await isWelcome(found, at, before))) return before;
  if (!output.terminal || (!interactive && !wish.user)) {
    if (!wish.user || isOn(context, 'dry-run')) return undefined;
    throw new CliError(`Missing: the password of ${wish.user}.`, {
      fix: ['--password-stdin < FILE, --password-file FILE, or REGISTRY_SETUP_PASSWORD'],
      exitCode: 2,
    });
  }
  return askUntilWelcome(context, wish, found, at);
}

async function askUntilWelcome(
  context: Context,
  wish: Wish,
  found: Found,
  at: Endpoint,
): Promise<Credentials> {
  const prompts = await context.prompts();
  let user = wish.user;
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
    if (await isWelcome(found, at, credentials)) return credentials;
    context.output.say(
      `  ${context.output.paint('red', '✖')} The registry refuses ${credentials.user} with this password.`,
    );
    user = wish.user;
  }
}
