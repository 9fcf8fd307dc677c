// Checks the logins that are kept here: that their files can be read, that their helpers are there, and that the registry takes them.

import { isLoopback } from '../../host/firewall/firewall.ts';
import { trustedFor } from '../../images/remote.ts';
import { placesOf } from '../../images/stored-login.ts';
import type { Credentials, Endpoint } from '../../registry/http.ts';
import { call } from '../../registry/token.ts';
import { isRegistry } from '../../registry/version-check.ts';
import { keyIn, plainLogin, readAuthFile } from '../../resources/login.ts';
import { shellLine } from '../../terminal/shell.ts';
import { shown } from '../../terminal/visible.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { asked, forEach, has, isOwn, trouble } from '../found.ts';
import { waysTo } from './insecure.ts';

type AuthFile = Awaited<ReturnType<typeof readAuthFile>>;

/** Returns every file of logins that a program of this machine reads, with its content; undefined for one that is broken. */
const files = (input: CheckInput): Promise<{ path: string; file: AuthFile | undefined; why?: string }[]> =>
  asked(input, 'files of logins', async () => {
    const { host, env } = input.context;
    const paths = new Set([
      ...placesOf(env, host.machine.uid),
      ...input.targets.flatMap(({ reads = [], login }) => [...reads, ...(login ? [login.file] : [])]),
    ]);
    const there = await Promise.all(
      [...paths].map(async (path) => ((await host.stat(path).catch(() => undefined)) ? [path] : [])),
    );
    return Promise.all(
      there.flat().map((path) =>
        readAuthFile(host, path).then(
          (file) => ({ path, file }),
          (error: unknown) => ({ path, file: undefined, why: (error as Error).message }),
        ),
      ),
    );
  });

/** The program whose file it is. */
const toolOf = (path: string) => (path.endsWith('auth.json') ? 'podman' : 'docker');

async function aboutFiles(input: CheckInput): Promise<Trouble[]> {
  const all = await Promise.all(
    (await files(input)).map(async ({ path, file, why }): Promise<Trouble[]> => {
      if (!file)
        return [
          trouble('login-file-broken', why ?? `${path} cannot be read.`, {
            mend: [
              `Look at it:   ${shellLine('cat', [path])}`,
              `Or begin anew:   ${shellLine('mv', [path, `${path}.broken`])}`,
            ],
          }),
        ];
      const names = [file.credsStore, ...Object.values(file.credHelpers ?? {})];
      const helpers = [
        ...new Set(names.filter((name): name is string => typeof name === 'string' && name !== '')),
      ];
      const missing = await Promise.all(
        helpers.map(async (name) => ((await has(input, `docker-credential-${name}`)) ? [] : [name])),
      );
      return missing.flat().map((name) =>
        trouble(
          'login-helper-missing',
          `${path} keeps logins with docker-credential-${shown(name)}, which is not on this machine: no login there can be read or made.`,
          {
            mend: [
              name === file.credsStore
                ? `Remove the line "credsStore" from ${path}, then log in again`
                : `Remove "${shown(name)}" from "credHelpers" in ${path}, then log in again`,
            ],
          },
        ),
      );
    }),
  );
  return all.flat();
}

/** Returns how a login may be sent: over TLS that was verified, or without TLS where a program here does the same. */
async function endpointFor(input: CheckInput, registry: Asked): Promise<Endpoint | undefined> {
  const { host, env } = input.context;
  const { speaks, ip } = await wireOf(input, registry);
  const at = { host: registry.at.host, port: registry.at.port, connectTo: ip };
  if (speaks === 'tls') {
    const ca = isOwn(input, registry) ? registry.at.ca : await trustedFor(host, env, registry.address);
    return { ...at, tls: true, ca };
  }
  // What goes to this machine alone nobody reads on the way.
  const plain = isLoopback(ip ?? '') || (await waysTo(input, registry)).some(({ insecure }) => insecure);
  return speaks === 'http' && plain ? { ...at, tls: false } : undefined;
}

async function aboutRegistry(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  const { address } = registry;
  const { reply } = await wireOf(input, registry);
  if (reply?.status !== 401 || !isRegistry(reply)) return [];
  const at = await endpointFor(input, registry);
  if (!at) return [];
  let kept = 0;
  const found: Trouble[] = [];
  for (const { path, file } of await files(input)) {
    if (!file) {
      kept++;
      continue;
    }
    const key = keyIn(file, address);
    if (key !== undefined || file.credHelpers?.[address]) kept++;
    const login = key === undefined ? undefined : plainLogin(file, key);
    if (login && (await isRefused(at, login)))
      found.push(
        trouble('login-refused', `${address} refuses the login of ${login.user}, which ${path} keeps.`, {
          mend: [
            `${toolOf(path)} login ${address}`,
            `A new password, on the server:   registry-setup user password ${login.user}`,
          ],
        }),
      );
  }
  const basic = /^basic/i.test(String(reply.headers['www-authenticate'] ?? ''));
  const pulls = input.targets.find(({ login }) => login);
  if (kept > 0 || !basic || !pulls || isOwn(input, registry)) return found;
  return [
    ...found,
    trouble('login-missing', `${address} wants a login, and none is kept here: no image can be pulled.`, {
      mend: [`${pulls.login?.tool ?? 'docker'} login ${address}`],
    }),
  ];
}

/** Tells whether the registry refuses a login; false if that cannot be found out. */
const isRefused = (at: Endpoint, credentials: Credentials): Promise<boolean> =>
  call(at, 'GET', '/v2/', { credentials, timeout: 10_000 }).then(
    ({ status }) => status === 401 || status === 403,
    // The certificate is not trusted, or the token server does not answer: other checks say so.
    () => false,
  );

/** Reports logins that are of no use. */
export const logins: Check = {
  code: 'logins',
  subject: 'login',
  title: 'the logins that are kept here can be read, and the registry takes them',
  on: 'both',
  look: async (input) => [
    ...(await aboutFiles(input)),
    ...(await forEach(input, (registry) => aboutRegistry(input, registry))),
  ],
};
