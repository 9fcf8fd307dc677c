// Checks that the programs here and the registry agree about TLS: http answered to https, or TLS that nobody verifies.
import { commandLine } from '../../terminal/command.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { forEach, isOwn, trouble } from '../found.ts';
import { waysTo } from './insecure.ts';

async function agreed(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  // What runs here need not use the registry that runs here.
  if (isOwn(input, registry)) return [];
  const { address, at } = registry;
  const { speaks, reply } = await wireOf(input, registry);
  if (!speaks || !reply) return [];
  const ways = await waysTo(input, registry);
  const strict = ways.filter(({ insecure }) => !insecure).map(({ program }) => program);
  const loose = ways.filter(({ insecure }) => insecure);
  if (speaks === 'http' && strict.length > 0)
    return [
      trouble(
        'http-to-https',
        `${address} speaks plain HTTP, and ${strict.join(' and ')} here asks it for TLS.`,
        {
          mend: [
            `Encrypt it, on the server:      registry-setup --yes --tls ca-signed`,
            `Or go without TLS, from here:   ${commandLine(`--client --host http://${at.host}:${at.port}`)}`,
          ],
        },
      ),
    ];
  if (speaks === 'tls' && loose.length > 0)
    return [
      trouble(
        'tls-but-insecure',
        `${address} speaks TLS, and ${loose.map(({ program, by }) => `${program} here takes any certificate of it (${by})`).join(', ')}.`,
        {
          severity: 'risk',
          mend: [`Trust its CA instead:   ${commandLine(`--client --host ${at.host}:${at.port}`)}`],
        },
      ),
    ];
  return [];
}

/** Reports a registry without TLS that is asked for TLS, and one with TLS that is not verified. */
export const encryption: Check = {
  code: 'encryption',
  subject: 'connection',
  title: 'the programs here and the registry agree about TLS',
  on: 'both',
  look: (input) => forEach(input, (registry) => agreed(input, registry)),
};
