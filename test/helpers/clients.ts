// What clients say to a chain, by every name and address that they call it by.
import { isIP } from 'node:net';
import { askGo, noGo, type Serving } from './go-client.ts';
import type { Workshop } from './openssl.ts';

export function clients({ dir, verify }: Workshop) {
  /** What openssl complains of. */
  function opensslComplains(chain: string[], root: string, names: string[], now = new Date()): string[] {
    const at = ['-attime', `${Math.floor(now.getTime() / 1000)}`];
    const hosts = names.filter((name) => !isIP(name)).map((name) => ['-verify_hostname', name]);
    const addresses = names.filter((name) => isIP(name)).map((name) => ['-verify_ip', name]);
    const rounds = Math.max(hosts.length, addresses.length); // a call takes one of each
    return Array.from({ length: rounds }, (_, i) =>
      verify(chain, root, ...at, ...(hosts[i] ?? []), ...(addresses[i] ?? [])),
    ).filter(Boolean);
  }

  /** What Go complains of, over a real connection. (It calls ::1 without a proxy, and not every machine has it.) */
  async function goComplains(serving: Serving, names: string[]): Promise<string[]> {
    const called = names.filter((name) => name !== '::1');
    const answers = noGo ? [] : await askGo(serving, called, dir);
    return answers.filter(Boolean);
  }

  return { opensslComplains, goComplains };
}
