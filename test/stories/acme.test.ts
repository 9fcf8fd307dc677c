// Orders at Pebble, the ACME server that Let's Encrypt tests its clients with: real proofs, bad nonces, accounts of customers, refusals.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { renewalWindow } from '../../src/certificates/acme/renewal.ts';
import { meet } from '../../src/certificates/acme/server.ts';
import { acmeSite } from '../../src/certificates/acme/site.ts';
import type { Certificates } from '../../src/certificates/certificates.ts';
import { makeKeys, type Renew, type Site } from '../../src/certificates/site.ts';
import { splitPem } from '../../src/certificates/split.ts';
import { datesOf } from '../../src/certificates/validity.ts';
import { CliError } from '../../src/errors.ts';
import { realHost } from '../../src/host/this-host.ts';
import { isCalledBack, orderSteps } from '../../src/server/order.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { workshop } from '../helpers/openssl.ts';
import { noPebble, type Pebble, pebblePrograms, startPebble } from '../helpers/pebble.ts';
import { freePort } from '../helpers/registry-program.ts';
import { temporaryDirectory } from '../helpers/tmp.ts';

const certs = workshop();

const KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';

interface Trial {
  settings: Settings;
  pebble: Pebble;
  dir: string;
  signal?: AbortSignal;
}

/** Settings of a registry whose certificate comes from this server. */
async function settingsFor(pebble: Pebble, more: Partial<Settings> = {}): Promise<Trial> {
  const dir = temporaryDirectory();
  const roots = join(dir, 'roots.pem');
  writeFileSync(roots, pebble.ca + (await pebble.root()));
  const settings = {
    dir,
    host: 'registry.corp.example',
    san: [],
    tls: 'ca-signed',
    acme: 'ops@corp.example',
    acmeServer: pebble.url,
    caCert: roots,
    ...more,
  } as unknown as Settings;
  return { settings, pebble, dir };
}

/** The certificate that is served, or is to be ordered. */
function siteOf({ settings }: Trial, renew: Renew = {}): Promise<Site> {
  const asked = [settings.host, ...settings.san];
  const names = { needed: [...asked, 'this-machine', 'localhost'], asked: asked.length, more: ['10.0.0.1'] };
  return acmeSite({ settings, names, keys: makeKeys(), renew }, realHost());
}

/** Orders, and keeps what comes of it as a run would. */
async function order(trial: Trial, site: Site, account?: Certificates['account']): Promise<Certificates> {
  const signal = trial.signal ?? new AbortController().signal;
  let result: Certificates | undefined;
  const before: Certificates = { site, ca: undefined, token: undefined, account };
  const ordering = {
    host: realHost(signal),
    uninterruptible: realHost(),
    env: {},
    signal,
    proofPort: trial.pebble.httpPort,
  };
  for (const step of orderSteps(trial.settings, before, ordering, (now) => {
    result = now;
  }))
    await step.run(() => {});
  return result as Certificates;
}

async function keep({ dir }: Trial, { site, account }: Certificates): Promise<void> {
  const host = realHost();
  await host.mkdir(join(dir, 'certs'), 0o755);
  await host.mkdir(join(dir, 'acme'), 0o700);
  await host.write(join(dir, 'certs/site.crt'), site?.chain ?? '', { mode: 0o644 });
  await host.write(join(dir, 'certs/site.key'), site?.key ?? '', { mode: 0o600 });
  await host.write(join(dir, 'certs/ca.crt'), site?.roots.join('') ?? '', { mode: 0o644 });
  await host.write(join(dir, 'acme/account.json'), JSON.stringify(account), { mode: 0o600 });
}

/** What the user reads when an order fails. */
const refusal = (trial: Trial): Promise<CliError> =>
  siteOf(trial)
    .then((site) => order(trial, site))
    .then(
      () => expect.unreachable('a certificate was issued'),
      (error) => {
        expect(error).toBeInstanceOf(CliError);
        return error;
      },
    );

/** A hook that speaks to Pebble's DNS server, and writes down what it was called with. @param more runs first, at `auth` */
function hook(dir: string, dns: string, log: string, more = '', name = 'hook'): string {
  const file = join(dir, name);
  const record = '{\\"host\\":\\"_acme-challenge.$CERTBOT_DOMAIN.\\",\\"value\\":\\"$CERTBOT_VALIDATION\\"}';
  const lines = [
    '#!/bin/sh',
    `echo "$1 $CERTBOT_DOMAIN $CERTBOT_VALIDATION left=$CERTBOT_REMAINING_CHALLENGES all=$CERTBOT_ALL_DOMAINS \${CERTBOT_AUTH_OUTPUT+said $CERTBOT_AUTH_OUTPUT}" >>'${log}'`,
    `if [ "$1" = auth ]; then ${more || ':'}; do=set; else do=clear; fi`,
    `curl -sSf -d "${record}" ${dns}/$do-txt && echo "$do $CERTBOT_DOMAIN"`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o755 });
  return file;
}

/** Changes a record of Pebble's DNS server. */
const tell = (pebble: Pebble, what: string, record: object) =>
  fetch(`${pebble.dns}/${what}`, { method: 'POST', body: JSON.stringify(record) });

async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; !done() && tries < 500; tries++) await sleep(20);
}

describe.skipIf(noPebble)('at Pebble', () => {
  // Where it is built first, that takes longer than a test may.
  beforeAll(() => void pebblePrograms(), 300_000);

  test('a customer orders for two names, with bad nonces; what is served is kept while it fits', async () => {
    const pebble = await startPebble({ accounts: { 'kid-1': KEY }, badNonces: 30, retryAfter: 1 });
    const file = join(temporaryDirectory(), 'eab.key');
    writeFileSync(file, `${KEY}\n`);
    const trial = await settingsFor(pebble, {
      san: ['cache.corp.example'],
      acmeEabKid: 'kid-1',
      acmeEabKeyFile: file,
    });
    const pending = await siteOf(trial);
    expect(pending.order?.names).toEqual(['registry.corp.example', 'cache.corp.example']);
    const made = await order(trial, pending);
    const chain = splitPem(made.site?.chain ?? '');
    expect(certs.verify(chain, await pebble.root())).toBe('');
    expect(new X509Certificate(chain[0] ?? '').subjectAltName?.split(', ').sort()).toEqual([
      'DNS:cache.corp.example',
      'DNS:registry.corp.example',
    ]);
    expect(made.site?.roots.join('').trim()).toBe((await pebble.root()).trim());
    await keep(trial, made);

    const kept = await siteOf(trial);
    expect([kept.order, kept.chain, kept.fresh]).toEqual([undefined, made.site?.chain, false]);
    // Another name, another source of the file, a renewal: each needs an order.
    expect((await siteOf({ ...trial, settings: { ...trial.settings, san: [] } })).order).toBeDefined();
    const renewal = await siteOf(trial, { site: true });
    expect(renewal.order?.replaces).toBe(chain[0]);
    // Until it is here, the registry is asked with the root of the one that is served.
    expect([renewal.publicCa, renewal.roots]).toEqual([false, kept.roots]);
    const again = await order(trial, renewal, made.account);
    expect(again.account?.account).toBe(made.account?.account);
    expect(again.site?.chain).not.toBe(made.site?.chain);
    expect(again.site?.key).not.toBe(made.site?.key);
  });

  test('a hook proves a wildcard by DNS, in the words of certbot, and removes its records', async () => {
    const pebble = await startPebble();
    const trial = await settingsFor(pebble, { san: ['*.registry.corp.example', 'other.corp.example'] });
    const log = join(trial.dir, 'log');
    trial.settings.acmeDnsHook = hook(trial.dir, pebble.dns, log);
    const { site } = await order(trial, await siteOf(trial));
    expect(certs.verify(splitPem(site?.chain ?? ''), await pebble.root())).toBe('');
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    const of = (word: string) => calls.filter((line) => line.startsWith(`${word} `));
    expect(
      of('auth')
        .map((line) => line.split(' ')[1])
        .sort(),
    ).toEqual(['other.corp.example', 'registry.corp.example', 'registry.corp.example']);
    expect(of('auth').map((line) => line.split(' ')[3])).toEqual(['left=2', 'left=1', 'left=0']);
    // The same name and value once more, with what the first call printed.
    expect(of('cleanup').map((line) => line.replace('cleanup', 'auth'))).toEqual(
      of('auth').map((line) => `${line}said set ${line.split(' ')[1]}`),
    );
    expect(
      new Set(
        of('auth')[0]
          ?.match(/all=(\S+)/)?.[1]
          ?.split(','),
      ),
    ).toEqual(new Set(['registry.corp.example', 'other.corp.example']));
  });

  test('Ctrl-C ends an order that waits for the hook, and its record is removed', async () => {
    const pebble = await startPebble();
    const controller = new AbortController();
    const trial = { ...(await settingsFor(pebble)), signal: controller.signal };
    const log = join(trial.dir, 'log');
    trial.settings.acmeDnsHook = hook(trial.dir, pebble.dns, log, 'sleep 30');
    const running = order(trial, await siteOf(trial));
    await until(() => existsSync(log));
    controller.abort();
    await expect(running).rejects.toThrow('Interrupted');
    expect(readFileSync(log, 'utf8')).toMatch(/^auth .*\ncleanup .*\n$/);
  });

  test('what goes wrong is told with its cause and a way out', async () => {
    const pebble = await startPebble({ blocked: ['blocked.corp.example'] });
    const trial = await settingsFor(pebble);
    const as = (more: Partial<Settings>): Trial => ({ ...trial, settings: { ...trial.settings, ...more } });
    const told = async (more: Partial<Settings>) => {
      const { message, why, fix } = await refusal(as(more));
      return [message, why, ...fix].join('\n');
    };
    const who = new URL(pebble.url).host;

    expect(await told({ host: 'blocked.corp.example' })).toMatch(
      `${who} issues no certificate for blocked.corp.example.`,
    );
    await tell(pebble, 'add-a', { host: 'away.corp.example', addresses: ['127.9.9.9'] });
    await tell(pebble, 'set-servfail', { host: 'lost.corp.example' });
    expect(await told({ host: 'lost.corp.example' })).toMatch(/lost\.corp\.example/);

    // The page is fetched, but somebody in front answers in another way.
    const nobody = await freePort();
    const other = { ...trial, pebble: { ...pebble, httpPort: nobody } };
    const shut = await refusal(other);
    expect(shut.message).toBe(`${who} does not reach port 80 of registry.corp.example.`);
    expect(shut.fix.join('\n')).toContain('--acme-dns-hook PROGRAM');

    const failing = hook(trial.dir, pebble.dns, join(trial.dir, 'log'), 'echo "no such zone" >&2; exit 3');
    expect(await told({ acmeDnsHook: failing })).toMatch(
      /^The DNS hook ended with 3 for registry\.corp\.example\.\nno such zone\nTry it by itself: {3}env CERTBOT_DOMAIN=/,
    );
    const silent = hook(trial.dir, pebble.dns, join(trial.dir, 'log'), 'exit 0', 'silent');
    expect(await told({ acmeDnsHook: silent })).toMatch(
      `${who} does not find the TXT record of registry.corp.example in the DNS.`,
    );

    expect(await told({ acmeServer: pebble.url.replace('/dir', '/') })).toMatch(
      /directory of an ACME server|does not answer as an ACME server/,
    );
    expect(await told({ caCert: join(trial.dir, 'none') })).toMatch(
      /is from a CA that this machine does not know\.\n.*\nGive the root of that CA: {3}--ca-cert FILE/,
    );
    expect(await told({ acmeServer: `https://127.0.0.1:${nobody}/dir` })).toMatch(
      /^127\.0\.0\.1:\d+ cannot be reached: nobody answers\./,
    );
    const issuer = join(trial.dir, 'https-only.pem');
    writeFileSync(issuer, pebble.ca);
    expect(await told({ caCert: issuer })).toMatch(/--ca-cert/);
  });

  test('an account of a customer: missing, wrong, and one that the server has lost', async () => {
    const pebble = await startPebble({ accounts: { 'kid-1': KEY } });
    const trial = await settingsFor(pebble);
    expect((await refusal(trial)).fix.join()).toContain('--acme-eab-kid ID --acme-eab-key-file FILE');
    const file = join(trial.dir, 'eab.key');
    Object.assign(trial.settings, { acmeEabKid: 'kid-1', acmeEabKeyFile: file });
    expect((await refusal(trial)).message).toBe(`--acme-eab-key-file ${file}: there is no such file`);
    writeFileSync(file, 'two words\n');
    expect((await refusal(trial)).message).toContain('this is no key of an account');
    writeFileSync(file, KEY.replace(/^z/, 'a'));
    const wrong = await refusal(trial);
    expect([wrong.message, wrong.why, ...wrong.fix].join('\n')).not.toContain(KEY.slice(5, 20));

    writeFileSync(file, KEY);
    const made = await order(trial, await siteOf(trial));
    const lost = { ...made.account, account: `${made.account?.account}999` } as Certificates['account'];
    const again = await order(trial, await siteOf(trial), lost);
    expect(again.account?.account).not.toBe(lost?.account);
    expect(again.site?.chain).toBeTruthy();
  });

  test('a server that wants the certificate back is heard before the certificate ends', async () => {
    const pebble = await startPebble();
    const trial = await settingsFor(pebble);
    const made = await order(trial, await siteOf(trial));
    const [leaf = ''] = splitPem(made.site?.chain ?? '');
    const signal = new AbortController().signal;
    const on = { host: realHost(), uninterruptible: realHost(), env: {}, signal };
    const server = await meet(pebble.url, { ca: [pebble.ca], env: {} });
    const window = await renewalWindow(server, leaf);
    const { notBefore, notAfter } = datesOf(leaf);
    expect(window && window.start > notBefore && window.end <= notAfter).toBe(true);
    expect(await isCalledBack(trial.settings, leaf, on)).toBe(false);
    await pebble.recall(leaf);
    expect(await isCalledBack(trial.settings, leaf, on)).toBe(true);
  });
});
