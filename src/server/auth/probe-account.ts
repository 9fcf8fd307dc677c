// A user of our own in token mode, who may do nothing at all: that its tokens are taken shows that docker_auth and the registry
// understand each other, also where a run knows nobody's password.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { Secret } from '../../secret.ts';
import type { Settings } from '../../settings/settings.ts';
import { generatePassword, hashPassword, type Login, passwordFits } from './htpasswd.ts';

/** No person has it: a user's name begins with a letter or a digit. */
const NAME = '_proof';

export interface Witness extends Login {
  password: Secret;
}

export const placeOf = ({ dir }: Pick<Settings, 'dir'>) => join(dir, '.state/proof');

/** The one that is there, or a new one. Its file holds the password and its hash, so that a run that changes nothing writes nothing. */
export async function loadWitness(settings: Settings, host: Host): Promise<Witness> {
  const [kept = '', hash = ''] = (await host.read(placeOf(settings)))?.toString().split('\n') ?? [];
  const password = new Secret(kept);
  if (kept && hash && (await passwordFits(password, hash))) return { name: NAME, password, hash };
  const made = generatePassword();
  return { name: NAME, password: made, hash: await hashPassword(made, true) };
}
