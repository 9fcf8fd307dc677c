// Loads what must be made once and kept, if it still fits, else makes it: the registry's secret, certificates, password hashes.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Certificates } from '../../certificates/certificates.ts';
import type { Host } from '../../host/host.ts';
import type { Secret } from '../../secret.ts';
import { everyone } from '../../settings/readers.ts';
import type { Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { readYaml } from '../../templates.ts';
import { authConfigLogins } from '../auth/docker-auth.ts';
import type { Login } from '../auth/htpasswd.ts';
import type { ProbeAccount } from '../auth/probe-account.ts';

export interface Secrets extends Certificates {
  /** `http.secret`: signs the state of uploads, and must survive restarts. */
  httpSecret: string;
  logins: Login[];
  /** Lines of htpasswd that let commands in which run just now: they stay as they are. */
  guests: Login[];
  /** In token mode: the probe account, which shows that the registry takes tokens. */
  probeAccount?: ProbeAccount;
  /** Passwords that this run generated, by user: shown once. */
  generated: Map<string, Secret>;
  /** Every password that this run knows, by user, for the proof. */
  known: Map<string, Secret>;
}

/**
 * Loads the secrets that still fit, and makes the others. Writes nothing.
 * @param certificates from `certificatesFor`
 * @param passwords those given in this run, by user; `new`: generates one, as for every user without a hash
 */
export async function loadSecrets(
  settings: Settings,
  certificates: Certificates,
  passwords: Map<string, Secret | 'new'>,
  host: Host,
): Promise<Secrets> {
  const [httpSecret, logins, probeAccount] = await Promise.all([
    keptSecret(settings, host),
    makeLogins(settings, passwords, host),
    hasDockerAuth(settings)
      ? (await import('../auth/probe-account.ts')).loadWitness(settings, host)
      : undefined,
  ]);
  return { httpSecret, ...certificates, ...logins, ...(probeAccount && { probeAccount }) };
}

async function keptSecret({ dir }: Settings, host: Host): Promise<string> {
  const bytes = await host.read(join(dir, 'config/config.yml'));
  if (bytes) {
    try {
      const config = readYaml(bytes.toString(), 'config.yml') as { http?: { secret?: string } };
      if (typeof config.http?.secret === 'string' && config.http.secret.length >= 32)
        return config.http.secret;
    } catch {
      // A file that was broken by hand is drift: it is rewritten, with a new secret.
    }
  }
  return randomBytes(32).toString('hex');
}

async function makeLogins(settings: Settings, passwords: Map<string, Secret | 'new'>, host: Host) {
  const generated = new Map<string, Secret>();
  const known = new Map([...passwords].filter((entry): entry is [string, Secret] => entry[1] !== 'new'));
  const users = everyone(settings);
  if (users.length === 0) return { logins: [], guests: [], generated, known };
  const { readHtpasswd, readGuests, hashGenerated, hashesOf, generatePassword } = await import(
    '../auth/htpasswd.ts'
  );
  const { dir } = settings;
  const text = (await host.read(join(dir, 'auth/htpasswd')))?.toString() ?? '';
  const kept = [...readHtpasswd(text), ...(await authConfigLogins(host, dir))];
  const hashOf = (name: string) => kept.find((login) => login.name === name)?.hash;
  const chosen = users.flatMap((name) => {
    const given = passwords.get(name);
    return given && given !== 'new' ? [{ name, password: given, before: hashOf(name) }] : [];
  });
  const hashes = await hashesOf(chosen);
  const byName = new Map(chosen.map(({ name }, i) => [name, hashes[i] as string]));
  const logins = await Promise.all(
    users.map(async (name): Promise<Login> => {
      const before = kept.find((login) => login.name === name);
      const given = passwords.get(name);
      const hash = byName.get(name);
      if (hash) return { name, hash };
      if (before && given !== 'new') return before;
      const made = generatePassword();
      generated.set(name, made);
      known.set(name, made);
      return { name, hash: await hashGenerated(made) };
    }),
  );
  return { logins, guests: readGuests(text), generated, known };
}
