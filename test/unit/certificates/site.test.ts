// The key of the own CA, kept off the machine: it is needed to sign, and for nothing else.
import { createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keyKind } from '../../../src/certificates/key-kinds.ts';
import { siteNames } from '../../../src/certificates/names.ts';
import { makeKeys, type OwnCa, ownCaSite, type Renew, type Site } from '../../../src/certificates/site.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';

const DIR = '/opt/registry';
const keys = makeKeys();

function request(renew: Renew = {}, san: string[] = []) {
  const settings = { dir: DIR, host: 'registry.example', san, days: 397 } as unknown as Settings;
  return { settings, names: siteNames(settings, 'srv', []), keys, renew };
}

let made: { site: Site; ca: OwnCa } | undefined;

/** The registry as it was made. @param key what lies where the key of its CA was */
async function machine(key: (made: { site: Site; ca: OwnCa }) => string | undefined) {
  const host = fakeHost();
  made ??= await ownCaSite(request(), host);
  const there = key(made);
  host.put(`${DIR}/ca/ca.crt`, made.ca.cert);
  if (there !== undefined) host.put(`${DIR}/ca/ca.key`, there, 0o600);
  host.put(`${DIR}/certs/site.crt`, made.site.chain);
  host.put(`${DIR}/certs/site.key`, made.site.key, 0o600);
  return { host, ca: made.ca, site: made.site };
}

test('no key of the CA is needed while the certificate fits', async () => {
  const { host, ...before } = await machine(() => undefined);
  const { site, ca } = await ownCaSite(request(), host);
  expect(site).toMatchObject({ chain: before.site.chain, fresh: false });
  expect([ca.cert, ca.key]).toEqual([before.ca.cert, undefined]);
});

test('without the key of the CA nothing is signed; with the key back, it is', async () => {
  const { host } = await machine(() => undefined);
  const said = 'The CA in /opt/registry/ca cannot sign: ca.key is missing.';
  for (const one of [
    request({ site: true }),
    request({ site: true, ca: true }),
    request({}, ['other.example']),
  ])
    await expect(ownCaSite(one, host)).rejects.toThrow(said);
  const back = await machine(({ ca }) => ca.key);
  expect((await ownCaSite(request({ site: true }), back.host)).site.fresh).toBe(true);
});

test('the key of another CA is refused', async () => {
  const { host } = await machine(({ site }) => site.key);
  await expect(ownCaSite(request(), host)).rejects.toThrow('belongs to another certificate');
});

describe('the kind of a new key', () => {
  const kinds = ({ site, ca }: { site: Site; ca: OwnCa }) =>
    [ca.key, site.key].map((pem) => keyKind(createPrivateKey(pem ?? '')));
  const asked = (keyType: 'rsa' | 'ecdsa', renew: Renew = {}) => {
    const { settings, ...rest } = request(renew);
    return { ...rest, settings: { ...settings, keyType }, keys: makeKeys() };
  };
  const P256 = 'ec prime256v1';

  /** Writes what a run would write. */
  function keep(host: FakeHost, { site, ca }: { site: Site; ca: OwnCa }) {
    host.put(`${DIR}/ca/ca.crt`, ca.cert);
    host.put(`${DIR}/ca/ca.key`, ca.key ?? '', 0o600);
    host.put(`${DIR}/certs/site.crt`, site.chain);
    host.put(`${DIR}/certs/site.key`, site.key, 0o600);
  }

  test('is P-256, and RSA if the user asks', async () => {
    expect(kinds(await ownCaSite(request(), fakeHost()))).toEqual([P256, P256]);
    expect(kinds(await ownCaSite(asked('rsa'), fakeHost()))).toEqual(['rsa', 'rsa']);
  });

  test('is that of the key that it replaces, until the user asks for another', async () => {
    const host = fakeHost();
    const first = await ownCaSite(asked('rsa'), host);
    keep(host, first);
    expect(kinds(await ownCaSite({ ...request({ site: true, ca: true }), keys: makeKeys() }, host))).toEqual([
      'rsa',
      'rsa',
    ]);
    const other = await ownCaSite(asked('ecdsa'), host);
    expect(kinds(other)).toEqual(['rsa', P256]);
    expect(other).toMatchObject({ site: { fresh: true }, ca: { cert: first.ca.cert } });
    keep(host, other);
    expect((await ownCaSite(asked('ecdsa'), host)).site.fresh).toBe(false);
    expect(kinds(await ownCaSite(asked('ecdsa', { site: true, ca: true }), host))).toEqual([P256, P256]);
  });
});
