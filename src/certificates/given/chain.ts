// Finds the path from a certificate to its root: which certificates belong to it, in which order, and what is wrong with each.
import { X509Certificate } from 'node:crypto';
import { type Fields, permitsName, signed } from '../fields.ts';
import { keyFault } from '../key-kinds.ts';
import { dateFault } from '../validity.ts';

export interface Fault {
  message: string;
  fix?: string;
}

export interface Path {
  /** The certificate itself, then each one's issuer; the root last, if it was given. */
  path: Fields[];
  /** The self-signed certificate; a public root need not be given. Empty if there is none, which is a fault. */
  root: string;
  publicCa: boolean;
  faults: Fault[];
}

export interface Purpose {
  now: Date;
  /** 0 for a server's certificate, 1 for a CA that will sign one. */
  below: 0 | 1;
  /** The names that the server's certificate has, or will have. */
  names: string[];
  /** The roots that clients trust already, PEM. */
  publicRoots: readonly string[];
}

const issued = (issuer: Fields, cert: Fields) =>
  issuer.subjectDer === cert.issuerDer && signed(issuer.cert, cert.cert);

/**
 * Returns the certificate and everything of the pool that helps to certify it, issuers after what they issued. Keeps the order
 * of the pool if it does that already: a chain with two roots (rotate --ca) stays unchanged.
 */
export function arrange(leaf: Fields, pool: Fields[]): Fields[] {
  const chain = [leaf];
  const rest = pool.filter(({ fingerprint }) => fingerprint !== leaf.fingerprint);
  for (;;) {
    const next = rest.findIndex((candidate) => chain.some((cert) => issued(candidate, cert)));
    const [found] = next < 0 ? [] : rest.splice(next, 1);
    if (!found) return chain;
    chain.push(found);
  }
}

/** Limits the search: the paths through certificates that all certify each other are too many to try. */
const MOST_WAYS = 50;

/** Yields every path to a root or a dead end, without the loops of cross-certificates. `isEnd`: a public root is above this one. */
function* waysUp(way: Fields[], pool: Fields[], isEnd: (top: Fields) => boolean): Generator<Fields[]> {
  const top = way.at(-1) as Fields;
  const above = top.selfSigned ? [] : pool.filter((cert) => !way.includes(cert) && issued(cert, top));
  // The issuers given above it may then be an older path, through an expired root.
  if (above.length === 0 || isEnd(top)) yield way;
  for (const issuer of above) yield* waysUp([...way, issuer], pool, isEnd);
}

/** Returns the best path: the first without a fault, else the first that reaches a root. */
export function findPath(first: Fields, pool: Fields[], purpose: Purpose): Path {
  const roots = purpose.publicRoots.map((pem) => new X509Certificate(pem));
  /** Returns the public root that signed the certificate, or that it is. */
  const publicRoot = ({ cert }: Fields) =>
    roots.find((root) => root.subject === cert.issuer && signed(root, cert));
  const ways: Path[] = [];
  for (const path of waysUp([first], arrange(first, pool).slice(1), (top) => publicRoot(top) !== undefined)) {
    const top = path.at(-1) as Fields;
    const known = publicRoot(top);
    const root = (known ?? (top.selfSigned ? top.cert : '')).toString();
    const faults = [...pathFaults(path, purpose), ...(root ? [] : [missing(top, pool)])];
    ways.push({ path, root, publicCa: known !== undefined, faults });
    if (faults.length === 0 || ways.length === MOST_WAYS) break;
  }
  const best = ways.find(({ faults }) => faults.length === 0) ?? ways.find(({ root }) => root) ?? ways[0];
  return best as Path; // there is always one path: the certificate alone
}

function missing(top: Fields, pool: Fields[]): Fault {
  const namesake = pool.find((cert) => cert.subjectDer === top.issuerDer);
  if (!namesake) {
    const fix = 'Add it to the file, below the certificate, or give it with --ca-cert. The CA provides it.';
    return {
      message: `the certificate of the CA that signed "${top.subject}" is missing: "${top.issuer}"`,
      fix,
    };
  }
  return {
    message: `"${top.subject}" was not signed by the "${top.issuer}" that is here: its key is a different one`,
  };
}

/** Returns what a client would refuse in the certificates of a path, each by itself and as issuers of each other. */
export function pathFaults(path: Fields[], { now, below, names }: Purpose): Fault[] {
  const faults: Fault[] = [];
  path.forEach((cert, i) => {
    const depth = i + below;
    const who = i > 0 ? `"${cert.subject}", above it,` : depth === 0 ? 'the certificate' : 'the CA';
    const say = (when: boolean, what: string) => when && faults.push({ message: `${who} ${what}` });
    const date = dateFault(cert, now);
    say(date !== undefined, date ?? '');
    const fault = keyFault(cert.cert.publicKey);
    say(fault !== undefined, fault ?? '');
    say(cert.sha1 && !cert.selfSigned, 'is signed with SHA-1 or MD5, which clients refuse');
    say(!cert.servesTls, 'is not for TLS servers: its extended key usage does not have serverAuth');
    if (depth === 0) return;
    say(!cert.isCa, 'is not a CA: it lacks CA:TRUE, so clients refuse what it signed');
    say(!cert.signsCertificates, 'may not sign certificates: its key usage does not have keyCertSign');
    const between = path
      .slice(0, i)
      .filter((lower) => lower.isCa && lower.subjectDer !== lower.issuerDer).length;
    say(
      (cert.pathLength ?? between) < between,
      `may have ${cert.pathLength} CAs below it (path length), not ${between}`,
    );
    const outside = names.filter((name) => !permitsName(cert, name));
    say(outside.length > 0, `may not sign for ${outside.join(', ')}: its name constraints leave them out`);
  });
  return faults;
}
