// Decides which roots this machine trusts for a registry, by a fingerprint, a file, the user, or what is trusted already.
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { itemsOf, readCertificates } from '../certificates/given/files.ts';
import { refusalReasons } from '../certificates/refusal.ts';
import { splitPem } from '../certificates/split.ts';
import { systemRoots } from '../certificates/system-roots.ts';
import { CliError, InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { handshake } from '../registry/handshake.ts';
import { commandLine } from '../terminal/command.ts';
import { certificateFault, describeRoot } from './certificate.ts';
import type { Found } from './discover.ts';
import type { Former } from './former.ts';
import type { ClientRequest } from './options.ts';
import { acceptPlain } from './plain.ts';
import type { Trust } from './target.ts';

export interface Trusting {
  request: ClientRequest;
  found: Found;
  host: Host;
  /** Roots in the trust directories of this machine for the registry. */
  installed: X509Certificate[];
  /** Shows the root to the user, who compares it; undefined if nobody can be asked. */
  confirm: ((root: X509Certificate) => Promise<boolean>) | undefined;
  /** What this machine knows of the registry from before. */
  former: Former;
  /** Asks whether plain HTTP is right; undefined if there is no terminal. */
  confirmPlain: (() => Promise<boolean>) | undefined;
}

const sameAs = (a: X509Certificate) => (b: X509Certificate) => a.fingerprint256 === b.fingerprint256;
const signed = (issuer: X509Certificate, cert: X509Certificate) =>
  cert.checkIssued(issuer) && cert.verify(issuer.publicKey);
const isRoot = (cert: X509Certificate) => signed(cert, cert);

/** Returns the error code of a client that trusts only these roots; undefined if it has none. Undefined roots: those of Node, or of the system. */
const refusal = async ({ at }: Found, roots: string[] | undefined) =>
  (await handshake(at, at.host, roots)).refused;

/** Returns the trust of the system, if that is enough. */
async function publicTrust(found: Found, host: Host): Promise<Trust | undefined> {
  const bundle = await systemRoots(host);
  if (await refusal(found, bundle === undefined ? undefined : [bundle])) return undefined;
  return bundle === undefined ? { kind: 'public' } : { kind: 'public', bundle };
}

/** Tells whether the fingerprint is that of a root which the system has and which certifies this server: it need not be sent. */
async function isPinned(found: Found, trust: Trust, fingerprint: string): Promise<boolean> {
  const bundle = trust.kind === 'public' ? (trust.bundle ?? rootCertificates.join('\n')) : '';
  const root = splitPem(bundle).find((pem) => new X509Certificate(pem).fingerprint256 === fingerprint);
  return root !== undefined && (await refusal(found, [root])) === undefined;
}

/**
 * Returns a root, and the served roots that it vouches for: each CA certifies the key of the one that replaced it, however many there
 * were since.
 */
function vouched(root: X509Certificate, chain: X509Certificate[]): X509Certificate[] {
  const known = [root];
  // Grows while it is walked.
  for (const issuer of known) {
    const crossed = chain.filter((cert) => !isRoot(cert) && signed(issuer, cert));
    known.push(
      ...chain.filter(
        (cert) =>
          isRoot(cert) &&
          !known.some(sameAs(cert)) &&
          crossed.some((cross) => cross.publicKey.equals(cert.publicKey)),
      ),
    );
  }
  return known;
}

async function fromFile({ request, found, host }: Trusting, path: string): Promise<X509Certificate[]> {
  const where = `--ca ${path}`;
  const bytes = await host.read(path);
  if (!bytes) throw new InputError([{ where: '--ca', message: `there is no file ${path}` }]);
  const file = { bytes, where };
  if (itemsOf(file).some(({ kind }) => kind === 'private key' || kind === 'PFX'))
    throw new InputError([
      {
        where,
        message:
          'this file holds a private key; a client needs only the certificate, and the key is the server’s secret',
        fix: `Take the certificates out of it:   openssl x509 -in ${path} -out ca.crt`,
      },
    ]);
  const given = (await readCertificates(file)).map((pem) => new X509Certificate(pem));
  if (request.fingerprint && !given.some(({ fingerprint256 }) => fingerprint256 === request.fingerprint))
    throw wrongFingerprint(request, given);
  const roots = given.map(String);
  const code = await refusal(found, roots);
  if (!code) return given;
  const reasons = refusalReasons(code, { chain: found.chain.map(String), roots, name: found.at.host });
  throw new CliError(`The registry's certificate was not signed by the CA in ${path}.`, {
    why: [
      ...reasons,
      `served:  ${line(found.chain.at(-1))}`,
      ...given.slice(0, 3).map((c) => `in file: ${line(c)}`),
    ].join('\n'),
    exitCode: 2,
  });
}

const line = (cert: X509Certificate | undefined) =>
  cert ? `${cert.subject.replaceAll('\n', ', ')}  ${cert.fingerprint256}` : 'nothing';

function wrongFingerprint({ name, fingerprint }: ClientRequest, roots: X509Certificate[]): CliError {
  return new CliError(`${name} is not the registry with that fingerprint. Nothing was changed.`, {
    why: [`wanted: ${fingerprint}`, ...roots.map(({ fingerprint256 }) => `served: ${fingerprint256}`)].join(
      '\n',
    ),
    fix: [
      'On the server, the right one:   registry-setup status',
      'If they differ there as well, another machine answers in its place.',
    ],
    exitCode: 2,
  });
}

/** Returns the roots of the chain that certify the server's own certificate, each by itself. */
async function servedRoots(found: Found): Promise<X509Certificate[]> {
  const all = await Promise.all(
    found.chain.filter(isRoot).map(async (root) => ((await refusal(found, [root.toString()])) ? [] : [root])),
  );
  return all.flat();
}

/**
 * Decides. Trusts only what a fingerprint, a file, the user or an earlier decision vouches for; plain HTTP as well.
 * @throws CliError (exit 2) if nobody decides, or the decision is no
 */
export async function decideTrust(trusting: Trusting): Promise<Trust> {
  const { request, found, host, installed, confirm, former, confirmPlain } = trusting;
  if (!found.at.tls) {
    await acceptPlain(request, former, confirmPlain);
    return { kind: 'http' };
  }
  const fault = certificateFault(found, request);
  if (fault) throw fault;
  if (request.ca) {
    const roots = await fromFile(trusting, request.ca);
    return { kind: 'roots', roots, known: roots.every((root) => installed.some(sameAs(root))) };
  }
  const roots = await servedRoots(found);
  const served = (root: X509Certificate) => found.chain.some(sameAs(root));
  const withOthers = (root: X509Certificate, known: boolean): Trust => {
    const kept = installed.filter((other) => isRoot(other) && served(other));
    const all = [...vouched(root, found.chain), ...kept];
    return { kind: 'roots', roots: all.filter((cert, i) => all.findIndex(sameAs(cert)) === i), known };
  };
  if (request.fingerprint) {
    const pinned = roots.find(({ fingerprint256 }) => fingerprint256 === request.fingerprint);
    if (pinned) return withOthers(pinned, installed.some(sameAs(pinned)));
    if (roots.length > 0) throw wrongFingerprint(request, roots);
    const system = await publicTrust(found, host);
    if (system && (await isPinned(found, system, request.fingerprint))) return system;
    throw withoutRoot(found, request);
  }
  const old = roots.find((root) => installed.some(sameAs(root)));
  if (old) return withOthers(old, true);
  if (installed.length > 0 && !(await refusal(found, installed.map(String))))
    return { kind: 'roots', roots: installed, known: true };
  const system = await publicTrust(found, host);
  if (system) return system;
  const [root] = roots;
  if (!root) throw withoutRoot(found, request);
  if (await confirm?.(root)) return withOthers(root, false);
  throw undecided(root, request, confirm !== undefined);
}

function withoutRoot({ chain }: Found, { name, port, host }: ClientRequest): CliError {
  const top = chain.at(-1);
  return new CliError(`The chain that ${name} sends ends without a root.`, {
    why: `It ends with ${line(top)},\nsigned by ${top?.issuer.replaceAll('\n', ', ') ?? 'nobody'}.`,
    fix: [
      'Get the certificate of that CA from whoever runs it, then:',
      `  ${commandLine(`--client --host ${host}:${port} --ca FILE`)}`,
    ],
    exitCode: 2,
  });
}

function undecided(root: X509Certificate, { host, port }: ClientRequest, asked: boolean): CliError {
  if (asked)
    return new CliError('The registry is not trusted. Nothing was changed.', {
      fix: 'The right one:   registry-setup status      (on the server)',
      exitCode: 2,
    });
  return new CliError('Nobody has confirmed that this CA is the right one.', {
    why: describeRoot(root).join('\n'),
    fix: [
      'Compare the fingerprint with the one that the server showed (registry-setup status), then:',
      `  ${commandLine(`--client --host ${host} --port ${port} --ca-fingerprint ${root.fingerprint256}`)}`,
    ],
    exitCode: 2,
  });
}
