// Loads or makes the certificates of a server, with the names of this machine.
import { type Certificates, loadCertificates } from '../certificates/certificates.ts';
import { siteNames } from '../certificates/names.ts';
import type { Keys, Renew } from '../certificates/site.ts';
import type { Context } from '../context.ts';
import { ownAddresses } from '../host/addresses.ts';
import { hostBeforeKilledRun } from '../reconcile/recovered-host.ts';
import { Secret } from '../secret.ts';
import type { Settings } from '../settings/settings.ts';

/**
 * Returns every certificate that these settings need. Opens a locked key with REGISTRY_SETUP_PASSPHRASE, or asks for the passphrase.
 * @throws as loadCertificates
 */
export async function certificatesFor(
  context: Context,
  settings: Settings,
  keys: Keys,
  renew: Renew,
): Promise<Certificates> {
  const { output, env } = context;
  const host = await hostBeforeKilledRun(context.host, settings.dir);
  const addresses = (await ownAddresses(host)).map(({ address }) => address);
  const names = siteNames(settings, host.machine.hostname, addresses);
  return loadCertificates({ settings, names, keys, renew }, host, async (path) => {
    const given = env.REGISTRY_SETUP_PASSPHRASE;
    if (given) return new Secret(given);
    if (!output.terminal) return undefined;
    const prompts = await context.prompts();
    return prompts.password({ message: `Passphrase of ${path}`, validate: () => true });
  });
}
