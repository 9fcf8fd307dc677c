// The two ways in which an ACME server may see that a name is ours: a page on port 80 (RFC 8555 8.3), a TXT record (8.4).
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { portHolder } from '../../host/ports.ts';
import { PROOF_PORT } from '../../settings/acme.ts';
import { shellLine } from '../../terminal/shell.ts';

/** One name that is to be proven. */
export interface Proof {
  /** Without `*.`. */
  name: string;
  token: string;
  keyAuthorization: string;
}

export interface Prover {
  type: 'http-01' | 'dns-01';
  /** Makes ready for all names. @throws CliError */
  begin(proofs: Proof[]): Promise<void>;
  /** Takes away what `begin` made; never throws. @returns what could not be taken away */
  end(): Promise<string[]>;
  /** How often a proof was fetched from this machine: tells a port that is shut from an answer that is wrong. */
  fetched(): number;
}

const PATH = '/.well-known/acme-challenge/';
/** Connections at a time, and milliseconds for each: everybody can reach this port. */
const MOST_CONNECTIONS = 64;
const PATIENCE = 10_000;

/** Serves the proofs on port 80, and nothing else. @param port another one for a test */
export function pageProver(host: Host, port = PROOF_PORT): Prover {
  const pages = new Map<string, string>();
  let [seen, server]: [number, Server | undefined] = [0, undefined];
  return {
    type: 'http-01',
    fetched: () => seen,
    async begin(proofs) {
      for (const { token, keyAuthorization } of proofs) pages.set(PATH + token, keyAuthorization);
      const made = createServer({ requestTimeout: PATIENCE, headersTimeout: PATIENCE }, (request, reply) => {
        const page = pages.get(request.url ?? '');
        if (page !== undefined) seen++;
        request.resume();
        reply.writeHead(page === undefined ? 404 : 200, {
          'content-type': 'text/plain',
          connection: 'close',
        });
        reply.end(page ?? 'registry-setup proves a name here, and serves nothing else.\n');
      });
      made.maxConnections = MOST_CONNECTIONS;
      made.timeout = PATIENCE;
      server = made;
      // `::` takes IPv4 as well; a machine without IPv6 has none of it.
      await listening(made, port, '::').catch((error) =>
        error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'
          ? listening(made, port, '0.0.0.0').catch((again) => refusePort(host, port, again))
          : refusePort(host, port, error),
      );
    },
    async end() {
      server?.closeAllConnections();
      await new Promise((resolve) => (server?.listening ? server.close(resolve) : resolve(undefined)));
      return [];
    },
  };
}

const listening = (server: Server, port: number, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });

async function refusePort(
  host: Host,
  port: number,
  { code, message }: NodeJS.ErrnoException,
): Promise<never> {
  const holder = code === 'EADDRINUSE' ? await portHolder(host, port) : undefined;
  throw new CliError(
    code === 'EADDRINUSE'
      ? `Port ${port} is taken by ${holder ? `the program "${holder.program}" (pid ${holder.pid})` : 'another program'}.`
      : `Port ${port} cannot be used: ${message}.`,
    { fix: ['Free it for a moment, or prove the names by DNS:   --acme-dns-hook PROGRAM'] },
  );
}

/** Minutes that a hook may take: name servers are slow to follow each other. */
const HOOK_MINUTES = 10;

/** Runs a hook. It often waits in a child of its own (`sleep`), which timeout(1) ends as well. */
const runHook = (host: Host, program: string, word: string, env: Record<string, string>) =>
  host.run('timeout', ['-k', '5', String(HOOK_MINUTES * 60), program, word], { env, timeout: 0 });

/** The value of the TXT record. */
const validation = ({ keyAuthorization }: Proof): string =>
  createHash('sha256').update(keyAuthorization).digest('base64url');

/**
 * Has the user's program write TXT records, in the words of certbot's manual hooks. It is called twice for each name: with the word
 * `auth`, and with `cleanup` and CERTBOT_AUTH_OUTPUT, which holds what it printed the first time.
 * @param uninterruptible removes the records also after Ctrl-C
 */
export function hookProver(program: string, host: Host, uninterruptible: Host): Prover {
  const done: { env: Record<string, string>; name: string }[] = [];
  return {
    type: 'dns-01',
    fetched: () => 0,
    async begin(proofs) {
      const all = [...new Set(proofs.map(({ name }) => name))].join(',');
      for (const [i, proof] of proofs.entries()) {
        const env = {
          CERTBOT_DOMAIN: proof.name,
          CERTBOT_VALIDATION: validation(proof),
          CERTBOT_ALL_DOMAINS: all,
          CERTBOT_REMAINING_CHALLENGES: String(proofs.length - 1 - i),
        };
        // Before the call: one that fails half-way may have written a record.
        const entry = { env: { ...env, CERTBOT_AUTH_OUTPUT: '' }, name: proof.name };
        done.push(entry);
        const { code, stdout, stderr } = await runHook(host, program, 'auth', env);
        entry.env.CERTBOT_AUTH_OUTPUT = stdout.trim();
        if (code !== 0) throw hookError(program, proof.name, code, stderr || stdout);
      }
    },
    async end() {
      const left: string[] = [];
      for (const { env, name } of done.splice(0)) {
        const { code } = await runHook(uninterruptible, program, 'cleanup', env).catch(() => ({ code: 1 }));
        if (code !== 0) left.push(`_acme-challenge.${name}`);
      }
      return left;
    },
  };
}

const LAST_LINES = 5;

function hookError(program: string, name: string, code: number, text: string): CliError {
  const what = code === 124 ? `took longer than ${HOOK_MINUTES} minutes` : `ended with ${code}`;
  return new CliError(`The DNS hook ${what} for ${name}.`, {
    why: text.trim().split('\n').slice(-LAST_LINES).join('\n') || undefined,
    fix: [
      `Try it by itself:   ${shellLine('env', [`CERTBOT_DOMAIN=${name}`, 'CERTBOT_VALIDATION=test', program, 'auth'])}`,
    ],
  });
}
