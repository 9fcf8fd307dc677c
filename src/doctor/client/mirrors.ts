// Checks that the mirrors of Docker answer: it asks each of them first, at every pull from Docker Hub.
import { ask } from '../../registry/http.ts';
import { visible } from '../../terminal/visible.ts';
import type { Check, Trouble } from '../check.ts';
import { dockerds, trouble } from '../found.ts';

/** How long a mirror may take; milliseconds. */
const PATIENCE = 4_000;

/** Returns why a mirror does not answer; undefined if it does, whatever it says. */
async function silence(mirror: string): Promise<string | undefined> {
  if (!URL.canParse(mirror)) return 'its address is none';
  const { protocol, hostname, port } = new URL(mirror);
  const tls = protocol === 'https:';
  const at = { tls, host: hostname, port: Number(port || (tls ? 443 : 80)), unverified: true as const };
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve(`no answer within ${PATIENCE / 1000} s`), PATIENCE).unref();
  });
  const asked = ask(at, 'GET', '/v2/', { timeout: PATIENCE }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  return Promise.race([asked, late]);
}

/** Reports entries of registry-mirrors that do not answer. */
export const mirrors: Check = {
  code: 'mirrors',
  subject: 'connection',
  title: 'every mirror of Docker answers',
  on: 'both',
  async look(input) {
    const found = (await dockerds(input)).flatMap(({ daemon, info }) =>
      (info?.mirrors ?? []).map(async (mirror): Promise<Trouble[]> => {
        const why = await silence(mirror);
        if (why === undefined) return [];
        const cause = `The mirror ${visible(mirror)} of ${daemon.config} does not answer: every pull from Docker Hub waits for it first.`;
        return [
          trouble('mirror-silent', cause, {
            severity: 'risk',
            mend: [`Remove it from "registry-mirrors" in ${daemon.config}, then:   systemctl reload docker`],
            evidence: why,
          }),
        ];
      }),
    );
    return (await Promise.all(found)).flat();
  },
};
