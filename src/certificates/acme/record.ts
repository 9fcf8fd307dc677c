// The account of this registry at its ACME server, as it is kept in the registry's directory.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';

/** Below the registry's directory, 0600: it holds the key of the account. */
export const ACCOUNT = 'acme/account.json';

export interface Account {
  /** The address of the server's directory. */
  server: string;
  email: string;
  /** Its URL there. */
  account: string;
  /** PKCS#8, PEM. */
  key: string;
  /** SHA-256 of the certificate that was ordered last, which tells it from one of another source. */
  certificate: string;
}

const NAMES = ['server', 'email', 'account', 'key', 'certificate'] as const;

/** Reads the account; undefined if there is none, or if it cannot be read: another is made then. */
export async function readAccount(host: Host, dir: string): Promise<Account | undefined> {
  const text = (await host.read(join(dir, ACCOUNT)))?.toString();
  if (text === undefined) return undefined;
  try {
    const found = JSON.parse(text) as Partial<Account>;
    return NAMES.every((name) => typeof found[name] === 'string') ? (found as Account) : undefined;
  } catch {
    return undefined;
  }
}

export const accountText = (account: Account): string => `${JSON.stringify(account, null, 2)}\n`;
