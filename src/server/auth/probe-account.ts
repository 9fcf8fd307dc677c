// Keeps the probe account of token mode, which may do nothing at all. If the registry takes its tokens, docker_auth and the registry
// understand each other. So a run can prove that even if it knows no user's password.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { Secret } from '../../secret.ts';
import type { Settings } from '../../settings/settings.ts';
import { generatePassword, hashGenerated, type Login, passwordFits } from './htpasswd.ts';

/** No user has this name: a user's name begins with a letter or a digit. */
const NAME = '_proof';

export interface ProbeAccount extends Login {
  password: Secret;
}

/** Returns the path of the file with the password and its hash. */
export const placeOf = ({ dir }: Pick<Settings, 'dir'>) => join(dir, '.state/proof');

/** Returns the kept account, or a new one. Its file holds the password and the hash: a run that changes nothing writes nothing. */
export async function loadWitness(settings: Settings, host: Host): Promise<ProbeAccount> {
  const [kept = '', hash = ''] = (await host.read(placeOf(settings)))?.toString().split('\n') ?? [];
  const password = new Secret(kept);
  if (kept && hash && (await passwordFits(password, hash))) return { name: NAME, password, hash };
  const made = generatePassword();
  return { name: NAME, password: made, hash: await hashGenerated(made) };
}
