// After `rotate --ca`: which former roots still lead to the certificate, and what a server sends so that their clients find the way.
// A bridge is a CA's name and key, certified by the CA before it.
import { type Fields, readFields, signed } from './fields.ts';
import { dateFault } from './validity.ts';

/** Java's clients take ten certificates at most, the server's own counted (jdk.tls.maxCertificateChainLength). */
const MOST = 10;
/** The bridges leave room for the server's certificate, the oldest root and the newest one. */
const MOST_BRIDGES = MOST - 3;

export interface Succession {
  /** What is served after the certificate: bridges, the newest first, then roots, the oldest first. */
  tail: string[];
  /** The roots whose clients accept the certificate, the newest first. */
  roots: string[];
}

const pem = ({ cert }: Fields) => cert.toString();
/** Tells whether a CA may have so many CAs between it and a server's certificate (RFC 5280 4.2.1.9). */
const allows = ({ pathLength }: Fields, below: number) => (pathLength ?? below) >= below;

/**
 * Orders the certificates of all rotations for clients of every kind. Each bridge comes before the root of the same name: OpenSSL
 * takes the first certificate with the issuer's name, and does not try another. The oldest root follows its bridge: Java follows a chain
 * of any length that is in order, but searches for five CAs at most (PKIXBuilderParameters.setMaxPathLength). The newest root is always
 * there, since new clients are shown it. Omits what leads nowhere: certificates out of date,
 * roots whose path length is too short, and, past ten certificates, the oldest.
 * @param newest the CA that signs now
 * @param cross the bridges and the former roots, in any order
 */
export function succession(newest: string, cross: string[], now: Date): Succession {
  const all = cross.map((one) => readFields(one, now));
  /** Returns the bridge to a CA that may have so many CAs below it. */
  const bridgeTo = (ca: Fields, below: number): Fields | undefined =>
    all.find(
      (one) =>
        !one.selfSigned &&
        one.subjectDer === ca.subjectDer &&
        one.cert.publicKey.equals(ca.cert.publicKey) &&
        allows(one, below) &&
        !dateFault(one, now),
    );
  const rootOf = (bridge: Fields): Fields | undefined =>
    all.find((one) => one.selfSigned && one.subjectDer === bridge.issuerDer && signed(one.cert, bridge.cert));

  let top: Fields | undefined = readFields(newest, now);
  const bridges: Fields[] = [];
  const reached = [{ root: top, by: 0 }];
  while (top && bridges.length < MOST_BRIDGES) {
    const bridge = bridgeTo(top, bridges.length);
    if (!bridge) break;
    bridges.push(bridge);
    top = rootOf(bridge);
    if (top && allows(top, bridges.length) && !dateFault(top, now))
      reached.push({ root: top, by: bridges.length });
  }
  const needed = bridges.slice(0, reached.at(-1)?.by);
  const [oldest, ...newer] = reached.toReversed().map(({ root }) => root);
  const room = MOST - 2 - needed.length;
  return {
    tail: [...needed, ...(oldest ? [oldest] : []), ...newer.slice(-room)].map(pem),
    roots: reached.map(({ root }) => pem(root)),
  };
}
