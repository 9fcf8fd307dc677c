// A user of our own in token mode, who may do nothing at all: that its tokens are taken shows that docker_auth and the registry
// understand each other, also where a run knows nobody's password.
import { join } from 'node:path';
import type { Host } from './host.ts';
import { generatePassword, hashPassword, type Login, passwordFits } from './htpasswd.ts';
import type { Resource } from './resource.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings/settings.ts';

/** No person has it: a user's name begins with a letter or a digit. */
const NAME = '_proof';

export interface Witness extends Login {
  password: Secret;
}

const placeOf = ({ dir }: Pick<Settings, 'dir'>) => join(dir, '.state/proof');

/** The one that is there, or a new one. Its file holds the password and its hash, so that a run that changes nothing writes nothing. */
export async function loadWitness(settings: Settings, host: Host): Promise<Witness> {
  const [kept = '', hash = ''] = (await host.read(placeOf(settings)))?.toString().split('\n') ?? [];
  const password = new Secret(kept);
  if (kept && hash && (await passwordFits(password, hash))) return { name: NAME, password, hash };
  const made = generatePassword();
  return { name: NAME, password: made, hash: await hashPassword(made, true) };
}

export const witnessFile = (settings: Settings, { password, hash }: Witness): Resource => ({
  kind: 'file',
  path: placeOf(settings),
  content: `${password.reveal()}\n${hash}\n`,
  mode: 0o600,
  mask: 'all',
});
