// The address by which the server reaches its own registry.
import type { Site } from '../../certificates/site.ts';
import { localEndpoint } from '../../registry/endpoint.ts';
import type { Endpoint } from '../../registry/http.ts';
import { tokenPort } from '../../settings/gateway.ts';
import type { Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { realm } from '../auth/docker-auth.ts';

/**
 * Returns the endpoint of a registry here, with the roots that its clients trust. Tokens come from the docker_auth here, which clients
 * may reach through a proxy alone.
 * @param site undefined without TLS
 */
export const ownEndpoint = (
  settings: Settings,
  site: Pick<Site, 'publicCa' | 'roots'> | undefined,
): Endpoint => ({
  ...localEndpoint(settings, site?.publicCa ? undefined : site?.roots),
  ...(hasDockerAuth(settings) &&
    settings.externalUrl !== undefined && {
      tokens: { realm: realm(settings), port: tokenPort(settings) },
    }),
});
