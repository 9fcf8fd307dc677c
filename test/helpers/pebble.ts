// Pebble, the ACME server that Let's Encrypt tests its clients with, and its DNS server; built once on this machine from Go modules.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { makeCa, makeKey, makeSite } from '../../src/certificates/pki.ts';
import { ask } from '../../src/registry/http.ts';
import { freePort } from './registry-program.ts';
import { temporaryDirectory } from './tmp.ts';

const VERSION = 'v2.10.3';
const MODULE = 'github.com/letsencrypt/pebble/v2/cmd';
const PROGRAMS = ['pebble', 'pebble-challtestsrv'];

const go = ['go', '/usr/local/go/bin/go'].find((command) => spawnSync(command, ['version']).status === 0);

/** Why there can be none, if so: for a test to say when it skips. */
export const noPebble: string | undefined = go ? undefined : 'there is no go on this machine';

/** Builds both programs where that was not done yet. @returns the directory that holds them */
export function pebblePrograms(): string {
  const cache = process.env.REGISTRY_SETUP_LAB_CACHE ?? join(homedir(), '.cache/registry-setup-lab');
  const place = join(cache, `pebble-${VERSION}`);
  if (PROGRAMS.every((name) => existsSync(join(place, name)))) return place;
  const temporary = `${place}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  const env = { ...process.env, GOBIN: temporary, CGO_ENABLED: '0' };
  const packages = PROGRAMS.map((name) => `${MODULE}/${name}@${VERSION}`);
  execFileSync(go ?? 'go', ['install', ...packages], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    renameSync(temporary, place);
  } catch {
    // Another test was faster.
    rmSync(temporary, { recursive: true });
  }
  return place;
}

export interface PebbleWish {
  /** Accounts of customers by their id, keys in base64url: no other may register. */
  accounts?: Record<string, string>;
  /** Of a hundred nonces so many are refused. */
  badNonces?: number;
  /** Seconds that a certificate lasts. */
  lasts?: number;
  /** The port at which it looks for a page. */
  httpPort?: number;
  blocked?: string[];
  /** Seconds after which it wants to be asked again. */
  retryAfter?: number;
}

export interface Pebble {
  /** Of its directory. */
  url: string;
  /** What its own certificate needs, PEM. */
  ca: string;
  /** The root of what it issues, PEM. */
  root(): Promise<string>;
  /** Makes it want a certificate to be renewed at once (RFC 9773). */
  recall(certificate: string): Promise<void>;
  httpPort: number;
  /** Where its DNS server takes records: POST /set-txt and the like. */
  dns: string;
}

function endWithTest(child: ChildProcess): void {
  const ended = new Promise((resolve) => child.on('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
}

/** Starts both; they end with the test. Every name leads to 127.0.0.1. */
export async function startPebble(wish: PebbleWish = {}): Promise<Pebble> {
  const programs = pebblePrograms();
  const dir = temporaryDirectory();
  const [port, management, dnsPort, dnsManagement, free] = await Promise.all([1, 2, 3, 4, 5].map(freePort));
  const httpPort = wish.httpPort ?? (free as number);
  const [caKey, key] = [await makeKey('ecdsa', 0), await makeKey('ecdsa', 0)];
  const ca = makeCa({ name: 'pebble', keyPem: caKey });
  const names = { names: ['localhost', '127.0.0.1'], days: 30, keyPem: key };
  const files = {
    'cert.pem': makeSite({ ...names, issuer: { certPem: ca, keyPem: caKey } }),
    'key.pem': key,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: join(dir, 'cert.pem'),
    privateKey: join(dir, 'key.pem'),
    httpPort,
    tlsPort: 1,
    externalAccountBindingRequired: wish.accounts !== undefined,
    externalAccountMACKeys: wish.accounts ?? {},
    domainBlocklist: wish.blocked ?? [],
    retryAfter: { authz: wish.retryAfter ?? 0, order: wish.retryAfter ?? 0 },
    keyAlgorithm: 'ecdsa',
    profiles: { default: { description: 'default', validityPeriod: wish.lasts ?? 7_776_000 } },
  };
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ pebble }));
  endWithTest(
    spawn(
      join(programs, 'pebble-challtestsrv'),
      [
        ...['-dnsserver', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${dnsManagement}`],
        ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', ''],
        ...['-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
      ],
      { stdio: 'ignore' },
    ),
  );
  const env = {
    ...process.env,
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_WFE_NONCEREJECT: String(wish.badNonces ?? 0),
    PEBBLE_AUTHZREUSE: '0',
  };
  const words = ['-strict', '-config', join(dir, 'config.json'), '-dnsserver', `127.0.0.1:${dnsPort}`];
  endWithTest(spawn(join(programs, 'pebble'), words, { stdio: 'ignore', env }));
  const at = (where: number) => ({ tls: true, host: '127.0.0.1', port: where, ca: [ca] });
  for (let tries = 0; ; tries++) {
    if (await ask(at(port as number), 'GET', '/dir').then(Boolean, () => false)) break;
    if (tries > 200) throw new Error('pebble did not start');
    await sleep(20);
  }
  return {
    url: `https://127.0.0.1:${port}/dir`,
    ca,
    root: async () => (await ask(at(management as number), 'GET', '/roots/0')).body.toString(),
    recall: async (certificate) => {
      const suggestedWindow = { start: new Date(0).toISOString(), end: new Date(1000).toISOString() };
      const body = JSON.stringify({ certificate, ariResponse: JSON.stringify({ suggestedWindow }) });
      const { status } = await ask(at(management as number), 'POST', '/set-renewal-info/', { body });
      if (status !== 200) throw new Error(`pebble answers ${status}`);
    },
    httpPort,
    dns: `http://127.0.0.1:${dnsManagement}`,
  };
}
