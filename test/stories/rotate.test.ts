// `registry-setup rotate` and `status` on a fake host, with a clock that jumps and with CAs in a row. The proof over TLS is left out:
// test/unit/certificates/succession.test.ts has it.
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { splitPem } from '../../src/certificates/split.ts';
import { runCommand } from '../helpers/context.ts';
import type { FakeHost } from '../helpers/fake-host.ts';
import { newKey, withOpenssl, workshop } from '../helpers/openssl.ts';
import { machine } from '../helpers/plans.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

/** What the registry shows; undefined: the certificate of the file. */
const wire: { host?: FakeHost | undefined; shows?: string | undefined } = {};

const DIR = '/opt/registry';
const DAY = 86_400_000;
const SETUP = '--yes --auth none --host registry.example --no-renew';
/** What the timer runs. */
const TIMER = 'rotate --if-expiring 30 --yes';

const served = (host: FakeHost) => splitPem(host.text(`${DIR}/certs/site.crt`) ?? '');
const leafOf = (host: FakeHost) => new X509Certificate(served(host)[0] ?? '');
const roots = (host: FakeHost) => splitPem(host.text(`${DIR}/certs/ca.crt`) ?? '');
const fingerprint = (pem = '') => new X509Certificate(pem).fingerprint256;

// RSA keys take their time.
vi.mock('../../src/certificates/pki.ts', async (original) => ({
  ...(await original<typeof import('../../src/certificates/pki.ts')>()),
  makeKey: async () => newKey(),
}));
vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => {
    const refused = refusal();
    if (refused) throw Object.assign(new Error(refused), { code: refused });
    return { status: 200, headers: {}, body: Buffer.alloc(0) };
  },
}));
vi.mock('../../src/registry/handshake.ts', () => ({
  handshake: async () => {
    const shown = wire.shows ?? (wire.host && leafOf(wire.host).fingerprint256);
    return { fingerprint: shown, refused: refusal() };
  },
}));

/** As OpenSSL judges the chain by the clock. */
function refusal(): string | undefined {
  for (const pem of wire.host ? served(wire.host) : []) {
    const { validFrom, validTo } = new X509Certificate(pem);
    if (Date.parse(validFrom) > Date.now()) return 'CERT_NOT_YET_VALID';
    if (Date.parse(validTo) < Date.now()) return 'CERT_HAS_EXPIRED';
  }
  return undefined;
}

const NOON = Date.parse('2026-11-26T12:00:00Z');
const at = (days: number) => vi.setSystemTime(NOON + days * DAY);
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  at(0);
});
afterEach(() => {
  vi.useRealTimers();
  wire.host = undefined;
  wire.shows = undefined;
});

/** A registry that was set up by a clock that was ahead. @param days how far */
async function setUp(days = 0): Promise<FakeHost> {
  const host = machine();
  at(days);
  await runCommand(host, SETUP);
  wire.host = host;
  at(0);
  return host;
}

async function status(host: FakeHost) {
  const { code, documents, heard } = await runCommand(host, 'status');
  return { code, said: heard.join('\n'), document: documents[0] as Record<string, never> };
}

const failure = (host: FakeHost, line: string) =>
  runCommand(host, line).then(
    () => expect.fail(`${line} did not fail`),
    (error) => error,
  );

describe('a clock that was ahead when the registry was set up', () => {
  test('by 20 hours: clients with the right clock are served', async () => {
    const host = await setUp(20 / 24);
    expect((await status(host)).code).toBe(0);
  });

  test('by two years: status says what is served, what is wrong with it and what to run', async () => {
    const host = await setUp(730);
    const { code, said, document } = await status(host);
    expect(code).toBe(1);
    expect(said).toContain('answers with a certificate that clients refuse');
    const why =
      'is not valid before 2028-11-24 12:00 UTC; the clock of this machine says 2026-11-26 12:00 UTC';
    expect(said).toContain(`✖ The CA of this registry ${why}.`);
    expect(said).toContain('registry-setup rotate --ca');
    expect(document.findings).toContainEqual({
      name: 'certificate',
      ok: false,
      cause: `The CA of this registry ${why}.`,
      fix: 'registry-setup rotate --ca',
    });
    expect(document.certificates).toMatchObject({ site: { fingerprint: leafOf(host).fingerprint256 } });
  });

  test.each([TIMER, 'rotate --yes', SETUP, '--yes'])(
    'by two years: %s changes nothing, exit 1',
    async (line) => {
      const host = await setUp(730);
      const before = host.snapshot();
      const { message, fix, exitCode } = await failure(host, line);
      expect(exitCode).toBe(1);
      expect(message).toContain(
        'is not valid before 2028-11-24 12:00 UTC; the clock of this machine says 2026',
      );
      expect(fix).toEqual([
        expect.stringContaining('timedatectl'),
        expect.stringMatching(/every client must be given: {3}registry-setup rotate --ca$/),
      ]);
      expect(host.snapshot()).toEqual(before);
    },
  );

  test('by two years: rotate --ca makes a CA that clients accept, with no bridge from the one that none can have', async () => {
    const host = await setUp(730);
    const { heard } = await runCommand(host, 'rotate --ca --yes');
    expect(heard.join('\n')).toContain('Every client must be given the new CA');
    expect(served(host)).toHaveLength(2);
    expect(await status(host)).toMatchObject({ code: 0 });
  });
});

describe('a clock that is wrong for one night', () => {
  test('two years ahead: the certificate of that night is replaced the next night, the CA stays', async () => {
    const host = await setUp();
    const [ca] = roots(host);
    at(730);
    await runCommand(host, TIMER);
    at(1);
    const wrong = await status(host);
    expect(wrong.code).toBe(1);
    expect(wrong.said).toMatch(/✖ The certificate is not valid before 2028-11-2\d .* says 2026-11-27 /);
    await runCommand(host, TIMER);
    expect(Date.parse(leafOf(host).validFrom)).toBeLessThan(Date.now());
    expect((await status(host)).code).toBe(0);
    expect(roots(host)).toEqual([ca]);
    expect((await runCommand(host, TIMER)).heard.join()).toContain('Nothing to do');
  });

  test.each([TIMER, '--yes', 'rotate --yes'])('eleven years ahead: %s makes no other CA', async (line) => {
    const host = await setUp();
    const before = host.snapshot();
    at(11 * 365);
    const { message, exitCode, fix } = await failure(host, line);
    expect(exitCode).toBe(1);
    expect(message).toMatch(
      /The CA of this registry ended on 2036-11-22 .*; the clock of this machine says 2037-/,
    );
    expect(fix[1]).toContain('registry-setup rotate --ca');
    expect(host.snapshot()).toEqual(before);
    at(1);
    expect((await status(host)).code).toBe(0);
  });

  test('eight years ahead, after a rotation: the former CA seems to have ended, and is served again in the morning', async () => {
    const host = await setUp();
    at(3 * 365);
    await runCommand(host, 'rotate --ca --yes');
    const both = roots(host);
    expect(both).toHaveLength(2);
    at(11 * 365);
    await runCommand(host, TIMER);
    expect(roots(host)).toEqual(both.slice(0, 1));
    at(3 * 365 + 1);
    await runCommand(host, TIMER);
    expect(roots(host)).toEqual(both);
    expect(served(host)).toHaveLength(4);
  });

  test.each([
    ['two days behind', -2, 1],
    ['two days ahead, and again when it is right', 2, 3],
  ])(
    '%s, and rotate --ca in that night: clients of the former CA are served when it is right',
    async (_, night, day) => {
      const host = await setUp();
      const [former] = roots(host);
      at(night);
      await runCommand(host, 'rotate --ca --yes');
      at(0.5);
      if (night > 0) await runCommand(host, 'rotate --ca --yes');
      at(day);
      await runCommand(host, TIMER);
      expect(roots(host)).toContain(former);
      expect((await runCommand(host, TIMER)).heard.join()).toContain('Nothing to do');
      expect((await runCommand(host, '--yes')).documents[0]?.changed).toEqual([]);
    },
  );
});

test('status tells of the certificate that is served, not of the one that the next run would make', async () => {
  const host = await setUp();
  at(396.5);
  const { code, said, document } = await status(host);
  expect(code).toBe(1);
  expect(said).toContain(
    '✖ The certificate ended on 2027-12-27 11:59 UTC; the clock of this machine says 2027-12-28',
  );
  expect(document.certificates).toMatchObject({
    site: { fingerprint: leafOf(host).fingerprint256, daysLeft: -1 },
  });
});

test('a registry that shows another certificate than the one in its directory', async () => {
  const host = await setUp();
  wire.shows = 'AA:BB';
  expect(await status(host)).toMatchObject({
    code: 1,
    said: expect.stringContaining('serves another certificate than the one in its directory'),
  });
});

describe('rotate --ca again and again', () => {
  test('cuts nobody off: the clients of every root are served, with --yes alone', async () => {
    const host = await setUp();
    const made = roots(host);
    for (const year of [1, 2, 3]) {
      at(year * 300);
      await runCommand(host, 'rotate --ca --yes');
      made.unshift(roots(host)[0] as string);
    }
    expect(roots(host).map(fingerprint)).toEqual(made.map(fingerprint));
    expect(served(host)).toHaveLength(8);
    expect((await status(host)).code).toBe(0);
    expect((await runCommand(host, '--yes')).documents[0]?.changed).toEqual([]);
  });

  test('--cut-off without --ca is refused', async () => {
    const host = await setUp();
    expect(await failure(host, 'rotate --yes --cut-off')).toMatchObject({
      exitCode: 2,
      message: '--cut-off: goes with --ca',
    });
  });
});

withOpenssl(() => {
  const shop = workshop();

  /** A registry of a former version: its root permits one CA below it. */
  async function former(): Promise<FakeHost> {
    vi.useRealTimers();
    const host = machine();
    await runCommand(host, SETUP);
    const extensions = [
      'basicConstraints=critical,CA:TRUE,pathlen:1',
      'keyUsage=critical,keyCertSign,cRLSign',
    ];
    const ids = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid'];
    const old = shop.make({ subject: '/CN=registry old', extensions: [...extensions, ...ids], days: 3650 });
    host.put(`${DIR}/ca/ca.crt`, old.cert);
    host.put(`${DIR}/ca/ca.key`, old.key, 0o600);
    await runCommand(host, '--yes');
    wire.host = host;
    return host;
  }

  describe('a CA of a former version', () => {
    test('is replaced once without a word: its clients go on', async () => {
      const host = await former();
      const [old] = roots(host);
      await runCommand(host, 'rotate --ca --yes');
      expect(roots(host).map(fingerprint)).toContain(fingerprint(old));
    });

    test('the second time it is said who is cut off; --yes does not do it, and no variable does', async () => {
      const host = await former();
      const [old] = roots(host);
      await runCommand(host, 'rotate --ca --yes');
      const before = host.snapshot();
      const env = { REGISTRY_SETUP_CUT_OFF: '1' };
      for (const run of [
        () => runCommand(host, 'rotate --ca --yes'),
        () => runCommand(host, 'rotate --ca --yes', { env }),
      ])
        await expect(run()).rejects.toMatchObject({
          exitCode: 2,
          message: expect.stringContaining('cuts off every client that trusts only CN=registry old'),
          fix: expect.arrayContaining([expect.stringContaining('rotate --ca --cut-off')]),
        });
      expect(host.snapshot()).toEqual(before);

      const shown = await runCommand(host, 'rotate --ca --dry-run');
      const tomorrow = new Date(Date.now() + DAY).toISOString().slice(0, 10);
      const today = new Date().toISOString().slice(0, 10);
      expect(shown.heard.join('\n')).toContain('Clients that trust only CN=registry old');
      expect(shown.heard.join('\n')).toMatch(new RegExp(`set up on or before (${today}|${tomorrow})`));
      expect(shown.heard.join('\n')).toContain(fingerprint(old));

      const second = roots(host)[0];
      await runCommand(host, 'rotate --ca --yes --cut-off');
      expect(roots(host).map(fingerprint).slice(1)).toEqual([fingerprint(second)]);
      await runCommand(host, 'rotate --ca --yes');
      expect(roots(host).map(fingerprint).slice(2)).toEqual([fingerprint(second)]);
    });

    test('on a terminal it is asked, and Enter is no', async () => {
      const host = await former();
      await runCommand(host, 'rotate --ca --yes');
      const before = host.snapshot();
      const prompts = scripted();
      await expect(runCommand(host, 'rotate --ca', { prompts })).rejects.toThrow();
      expect(host.snapshot()).toEqual(before);
    });
  });
});
