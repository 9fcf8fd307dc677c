// Orders the certificate of --acme, once the user has agreed to the run, and before anything else on the machine is changed.
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { moveMail, register, type Signer } from '../certificates/acme/account.ts';
import { hookProver, pageProver } from '../certificates/acme/challenges.ts';
import type { ExternalAccount } from '../certificates/acme/jws.ts';
import { type Issued, orderCertificate } from '../certificates/acme/order.ts';
import type { Account } from '../certificates/acme/record.ts';
import { momentIn, renewalId, renewalWindow } from '../certificates/acme/renewal.ts';
import { type AcmeServer, meet, Refused, type Wire } from '../certificates/acme/server.ts';
import { completed } from '../certificates/acme/site.ts';
import { inPlainWords } from '../certificates/acme/trouble.ts';
import type { Certificates } from '../certificates/certificates.ts';
import { makeCsr } from '../certificates/csr.ts';
import { makeKeys, type Site } from '../certificates/site.ts';
import { splitPem } from '../certificates/split.ts';
import { systemRoots } from '../certificates/system-roots.ts';
import type { Context } from '../context.ts';
import { InputError } from '../errors.ts';
import { openCommand, openings, passageOf } from '../host/firewall/firewall.ts';
import type { Opening } from '../host/firewall/types.ts';
import type { Host } from '../host/host.ts';
import { whereLeads } from '../host/resolution.ts';
import type { Step } from '../reconcile/progress.ts';
import { Secret } from '../secret.ts';
import { serverName, serverOf } from '../settings/acme.ts';
import type { Settings } from '../settings/settings.ts';
import type { Report } from '../terminal/output.ts';
import { HTTP_OPENING } from './checks/acme.ts';

type Ordering = Pick<Context, 'host' | 'uninterruptible' | 'env' | 'signal'> & {
  /** Another port than 80, which a test may not have. */
  proofPort?: number;
};

/** Roots of this machine and of the user: the server's own certificate may come from any of them, and so may what it issues. */
async function extraRoots({ caCert }: Settings, { host, env }: Ordering): Promise<string[]> {
  const files = [caCert, env.NODE_EXTRA_CA_CERTS].flatMap((path) => path || []);
  const texts = await Promise.all(
    files.map(async (path) => (await host.read(path))?.toString('latin1') ?? ''),
  );
  return [...texts, (await systemRoots(host)) ?? ''].flatMap(splitPem);
}

async function wireOf(settings: Settings, ordering: Ordering): Promise<Wire & { extra: string[] }> {
  const extra = await extraRoots(settings, ordering);
  const { env, signal } = ordering;
  return { ca: [...rootCertificates, ...extra], extra, env, signal };
}

/** Reads the account that the user has at the CA. @throws InputError (exit 2) */
export async function externalAccount(
  { acmeEabKid: kid, acmeEabKeyFile: path }: Settings,
  host: Host,
): Promise<ExternalAccount | undefined> {
  if (!kid || !path) return undefined;
  const where = `--acme-eab-key-file ${path}`;
  const text = (await host.read(path))?.toString().trim();
  if (text === undefined) throw new InputError([{ where, message: 'there is no such file' }]);
  // Some CAs show it in the other alphabet of base64.
  const key = text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  if (!/^[A-Za-z0-9_-]{16,1024}$/.test(key))
    throw new InputError([
      {
        where,
        message: 'this is no key of an account: one line of base64, as the web page of the CA shows it',
      },
    ]);
  return { kid, key: new Secret(key) };
}

const firewallOn80 = async (host: Host): Promise<Opening[]> =>
  openings(HTTP_OPENING, { kind: 'native', rootless: false }, host).catch(() => []);

type Wanted = NonNullable<Site['order']>;

/** What an order has come to. */
interface Ordered {
  certificates: Certificates;
  /** The TXT records that the hook did not remove. */
  left: string[];
}

/** Returns the account that may order: the one that is kept, if it is of this server; else a new one. */
async function signerFor(server: AcmeServer, settings: Settings, kept: Account | undefined, host: Host) {
  const { acme: email = '' } = settings;
  if (kept?.server === serverOf(settings)) {
    const by: Signer = { keyPem: kept.key, account: kept.account, email: kept.email };
    return kept.email === email ? by : moveMail(server, by, email);
  }
  const keyPem = await makeKeys().site('ecdsa');
  return register(server, { keyPem, email, external: await externalAccount(settings, host) });
}

/** Does the work with the kept account; with a new one, if the server no longer knows it (RFC 8555 6.7). */
async function withAccount<T>(
  make: (kept: Account | undefined) => Promise<Signer>,
  kept: Account | undefined,
  work: (by: Signer) => Promise<T>,
): Promise<[T, Signer]> {
  try {
    const by = await make(kept);
    return [await work(by), by];
  } catch (error) {
    if (!kept || !(error instanceof Refused) || error.problem.type !== 'accountDoesNotExist') throw error;
    const by = await make(undefined);
    return [await work(by), by];
  }
}

/** Orders it. @throws CliError in plain words */
async function order(
  settings: Settings,
  { account, ...others }: Certificates,
  { names, keyType, replaces }: Wanted,
  ordering: Ordering,
  report: Report,
): Promise<Ordered> {
  const { host, uninterruptible, signal } = ordering;
  const { acmeDnsHook: hook } = settings;
  const prover = hook ? hookProver(hook, host, uninterruptible) : pageProver(host, ordering.proofPort);
  try {
    const wire = await wireOf(settings, ordering);
    report(`asking ${serverOf(settings)}`);
    const [server, key] = await Promise.all([meet(serverOf(settings), wire), makeKeys().site(keyType)]);
    const work = (by: Signer): Promise<Issued> =>
      orderCertificate(server, by, {
        names,
        csr: makeCsr(names, key),
        prover,
        replaces: replaces && renewalId(replaces),
        report,
        signal,
      });
    const make = (kept: Account | undefined) => signerFor(server, settings, kept, host);
    const [{ chain, left }, by] = await withAccount(make, account, work);
    const leaf = chain[0] ?? '';
    return {
      left,
      certificates: {
        ...others,
        site: { ...completed({ chain, key }, names, rootsFor(chain, wire.extra)), fresh: true },
        account: {
          server: serverOf(settings),
          email: by.email,
          account: by.account,
          key: by.keyPem,
          certificate: new X509Certificate(leaf).fingerprint256,
        },
      },
    };
  } catch (error) {
    if (signal.aborted) throw error;
    throw await inPlainWords(error, {
      who: serverName(settings),
      server: serverOf(settings),
      hook,
      fetched: prover.fetched(),
      async leads(name) {
        const found = await whereLeads(host, name);
        if (found?.to === 'elsewhere') return found.address;
        return found && (found.to === 'here' ? 'this machine' : 'nowhere');
      },
      async openCommand() {
        for (const opening of await firewallOn80(host))
          if ((await passageOf(opening, host)) !== 'open') return openCommand(opening);
        return undefined;
      },
    });
  }
}

/** Returns the extra roots that may belong above a chain: a trust store has hundreds, and some cannot be read. */
function rootsFor(chain: string[], extra: string[]): string[] {
  const issuers = chain.map((pem) => new X509Certificate(pem).issuer);
  return extra.filter((pem) => {
    try {
      return issuers.includes(new X509Certificate(pem).subject);
    } catch {
      return false;
    }
  });
}

/** Returns the step that orders the certificate; none if it need not be ordered. @param done receives the certificates */
export function orderSteps(
  settings: Settings,
  certificates: Certificates,
  ordering: Ordering,
  done: (certificates: Certificates) => void,
): Step[] {
  const wanted = certificates.site?.order;
  if (!wanted) return [];
  const title = `Certificate of ${serverName(settings)} for ${wanted.names.join(', ')}`;
  return [
    {
      title,
      async run(report) {
        const result = await order(settings, certificates, wanted, ordering, report);
        done(result.certificates);
        return result.left.length > 0
          ? `${title}; to be removed from the DNS by hand: ${result.left.join(', ')}`
          : undefined;
      },
    },
  ];
}

/** Tells whether the server wants the certificate to be renewed now. A server that does not answer wants nothing. */
export async function isCalledBack(settings: Settings, leaf: string, ordering: Ordering): Promise<boolean> {
  try {
    const server = await meet(serverOf(settings), await wireOf(settings, ordering));
    const window = await renewalWindow(server, leaf);
    return window !== undefined && momentIn(window, leaf) <= new Date();
  } catch {
    return false;
  }
}
