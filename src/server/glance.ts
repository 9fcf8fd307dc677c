// Takes a quick look at the registry: its answer, its disk, its certificate. Reads only.
import { describeCertificate } from '../certificates/fields.ts';
import { type Site, siteOnDisk } from '../certificates/site.ts';
import { splitPem } from '../certificates/split.ts';
import { dateFault } from '../certificates/validity.ts';
import type { Context } from '../context.ts';
import { handshake } from '../registry/handshake.ts';
import { ask, type Endpoint } from '../registry/http.ts';
import type { Settings } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { ownEndpoint } from './plan/endpoint.ts';
import type { ServerRequest } from './request.ts';

/** The answer to an anonymous request. */
export interface Answer {
  /** The status is 200 without logins, or 401 with logins. */
  ok: boolean;
  /** The HTTP status; undefined if there was no answer. */
  status?: number;
  /** It answers over TLS, and a client with its roots refuses the certificate. */
  refused?: true;
}

/** What is wrong with what is served, and what puts it right. */
interface CertificateFault {
  cause: string;
  fix: string;
}

/** What is quick to find out. */
export interface Glance {
  answer: Answer;
  /** The disk that holds the images; bytes. */
  space: { free: number; total: number };
  /** Whole days until the served certificate ends, negative after that; undefined if none is served. */
  daysLeft: number | undefined;
  /** What is wrong with the served certificate or its CA, one sentence; undefined if nothing. */
  fault: CertificateFault | undefined;
  /** Addresses of this machine that the certificate lacks. */
  lacks: string[];
}

/** How long to wait for an answer; milliseconds. */
const PATIENCE = 3_000;

/** Checks the registry and its certificate, but does not compare the machine with the plan. Reads only. */
export async function glance({ host }: Context, { settings, certificates }: ServerRequest): Promise<Glance> {
  const { site } = certificates;
  const served = site && (await siteOnDisk(host, settings.dir, site));
  const at = ownEndpoint(settings, served ?? site);
  const [answer, space, wire] = await Promise.all([
    answerOf(settings, at),
    host.space(settings.storage),
    served && handshake(at, settings.host, at.ca).catch(() => undefined),
  ]);
  const refused = wire?.refused !== undefined && answer.status === undefined;
  return {
    answer: refused ? { ok: false, refused } : answer,
    space: { free: space.free, total: space.total },
    daysLeft: served && describeCertificate(leafOf(served)).daysLeft,
    fault: served && certificateFault(served, wire?.fingerprint),
    lacks: site?.lacks ?? [],
  };
}

const leafOf = ({ chain }: Site): string => splitPem(chain)[0] ?? '';

/** Judges what is served. @param onWire the fingerprint that the registry shows; undefined if it does not answer */
function certificateFault(served: Site, onWire: string | undefined): CertificateFault | undefined {
  const { outdated } = served;
  if (outdated) return { cause: outdated.message, fix: commandLine('rotate --ca') };
  const leaf = describeCertificate(leafOf(served));
  const why = dateFault(leaf, new Date());
  const fix = commandLine('rotate');
  if (why) return { cause: `The certificate ${why}.`, fix };
  if (!onWire || onWire === leaf.fingerprint) return undefined;
  return { cause: 'The registry serves another certificate than the one in its directory.', fix };
}

/** Returns the answer as words: `answers`, `does not answer`, `answers with HTTP 503`. */
export const answerText = ({ ok, status, refused }: Answer): string =>
  ok
    ? 'answers'
    : refused
      ? 'answers with a certificate that clients refuse'
      : status === undefined
        ? 'does not answer'
        : `answers with HTTP ${status}`;

const answerOf = ({ auth }: Settings, at: Endpoint): Promise<Answer> =>
  ask(at, 'GET', '/v2/', { timeout: PATIENCE }).then(
    ({ status }) => ({ ok: status === (auth === 'none' ? 200 : 401), status }),
    () => ({ ok: false }),
  );
