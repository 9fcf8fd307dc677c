// The address by which the server reaches its own registry.
import type { Site } from '../../certificates/site.ts';
import { localEndpoint, type Serving } from '../../registry/endpoint.ts';
import type { Endpoint } from '../../registry/http.ts';

/** Returns the endpoint of a registry here, with the roots that its clients trust. @param site undefined without TLS */
export const ownEndpoint = (
  settings: Serving,
  site: Pick<Site, 'publicCa' | 'roots'> | undefined,
): Endpoint => localEndpoint(settings, site?.publicCa ? undefined : site?.roots);
