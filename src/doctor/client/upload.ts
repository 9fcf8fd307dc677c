// Checks what a proxy in front of the registry does to a push: it may refuse large bodies, or not tell the registry how it is called.
import { openRemote } from '../../images/remote.ts';
import type { Session } from '../../registry/session.ts';
import { tryUpload } from '../../registry/upload-trial.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { forEach, here, isOwn, trouble } from '../found.ts';

const IN_NGINX = 'In the block of nginx for the registry, then nginx -s reload:';

async function tried({ address, at }: Asked, session: Session, own: string[]): Promise<Trouble[]> {
  const trial = await tryUpload(session);
  // Without the right to push there is nothing to learn.
  if (!trial) return [];
  const { location, refusesLarge: large } = trial;
  const base = new URL(`${at.tls ? 'https' : 'http'}://${at.host}:${at.port}`);
  const found: Trouble[] = [];
  if (large)
    found.push(
      trouble(
        'body-too-large',
        `A proxy in front of ${address} refuses large layers (413): pushes break off.`,
        {
          mend: [...own, IN_NGINX, '  client_max_body_size 0;'],
        },
      ),
    );
  if (location.protocol !== base.protocol || location.host !== base.host)
    found.push(
      trouble(
        'wrong-location',
        `A proxy in front of ${address} does not tell the registry how it is called: a push is sent on to ${location.origin}.`,
        {
          mend: [
            ...own,
            IN_NGINX,
            '  proxy_set_header Host $http_host;',
            '  proxy_set_header X-Forwarded-Proto $scheme;',
          ],
          evidence: `Location: ${location.href.slice(0, 120)}`,
        },
      ),
    );
  return found;
}

async function uploaded(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  if (isOwn(input, registry) && input.server?.settings.externalUrl === undefined) return [];
  const { speaks, reply } = await wireOf(input, registry);
  // A registry sends neither of the two: what does is in front of it.
  const between = reply?.headers.server ?? reply?.headers.via;
  if (!speaks || between === undefined) return [];
  const { host, env, signal } = input.context;
  const { host: name, port } = registry.at;
  const remote = { host: name, port, ...(speaks === 'http' && { scheme: 'http' as const }) };
  // Verifies the certificate before a login is sent; that it is not trusted is another trouble.
  const session = await openRemote(remote, host, env, signal).catch(() => undefined);
  if (!session) return [];
  try {
    const whole = isOwn(input, registry)
      ? [
          `The whole configuration:   ${here(input, 'export nginx')}      (or caddy, traefik, apache, haproxy)`,
        ]
      : [];
    return await tried({ ...registry, at: session.at }, session, whole);
  } finally {
    session.close();
  }
}

/** Reports a proxy in front of the registry that breaks pushes. */
export const upload: Check = {
  code: 'upload',
  subject: 'connection',
  title: 'what is in front of the registry lets pushes through',
  on: 'both',
  look: (input) => forEach(input, (registry) => uploaded(input, registry)),
};
