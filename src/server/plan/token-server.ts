// Plans a registry whose tokens come from a token server that exists already.
import { join } from 'node:path';
import type { TokenTrust } from '../../certificates/token-trust.ts';
import type { Resource } from '../../resources/resource.ts';
import { publicAddress } from '../../settings/public-address.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Value } from '../../templates.ts';

/** Returns `auth.token` of the registry's configuration. @param inside the directory of that configuration, as the registry sees it */
export const tokenServerConfig = (
  settings: Settings,
  inside: string,
  { certs, jwks }: TokenTrust,
): Value => ({
  token: {
    realm: settings.tokenRealm ?? '',
    service: settings.tokenService ?? publicAddress(settings).name,
    issuer: settings.tokenIssuer ?? '',
    ...(certs.length > 0 && { rootcertbundle: `${inside}/token.crt` }),
    ...(jwks !== undefined && { jwks: `${inside}/token.jwks` }),
  },
});

/** Returns the files with the keys that the registry verifies tokens with. */
export const tokenServerFiles = ({ dir }: Settings, { certs, jwks }: TokenTrust): Resource[] => [
  ...(certs.length > 0
    ? [
        {
          kind: 'file',
          path: join(dir, 'config/token.crt'),
          content: certs.map((pem) => `${pem.trim()}\n`).join(''),
          mode: 0o644,
        } as const,
      ]
    : []),
  ...(jwks === undefined
    ? []
    : [{ kind: 'file', path: join(dir, 'config/token.jwks'), content: jwks, mode: 0o644 } as const]),
];
