// Makes the account of this registry at an ACME server, and keeps its mail address (RFC 8555 7.3).
import { type ExternalAccount, externalBinding } from './jws.ts';
import { type AcmeServer, NotAcme } from './server.ts';

/** The account, as requests are signed by it. */
export interface Signer {
  keyPem: string;
  account: string;
  email: string;
}

/**
 * Makes an account; the user has agreed to the server's terms with --acme (RFC 8555 7.3).
 * @throws Refused, NotAcme, the socket's own error
 */
export async function register(
  server: AcmeServer,
  { keyPem, email, external }: { keyPem: string; email: string; external: ExternalAccount | undefined },
): Promise<Signer> {
  const { newAccount } = server.directory;
  const { headers } = await server.post(
    newAccount,
    {
      termsOfServiceAgreed: true,
      contact: [`mailto:${email}`],
      ...(external && { externalAccountBinding: externalBinding(external, keyPem, newAccount) }),
    },
    { keyPem },
  );
  if (!headers.location) throw new NotAcme('it names no account');
  return { keyPem, account: headers.location, email };
}

/** Tells the server another mail address. @throws as register */
export async function moveMail(server: AcmeServer, by: Signer, email: string): Promise<Signer> {
  await server.post(by.account, { contact: [`mailto:${email}`] }, by);
  return { ...by, email };
}
