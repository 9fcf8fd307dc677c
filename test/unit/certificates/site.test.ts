// The key of the own CA, kept off the machine: it is needed to sign, and for nothing else.
import { expect, test } from 'vitest';
import { siteNames } from '../../../src/certificates/names.ts';
import { makeKeys, type OwnCa, ownCaSite, type Renew, type Site } from '../../../src/certificates/site.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

const DIR = '/opt/registry';
const keys = makeKeys();

function wish(renew: Renew = {}, san: string[] = []) {
  const settings = { dir: DIR, host: 'registry.example', san, days: 397 } as unknown as Settings;
  return { settings, names: siteNames(settings, 'srv', []), keys, renew };
}

let made: { site: Site; ca: OwnCa } | undefined;

/** The registry as it was made. @param key what lies where the key of its CA was */
async function machine(key: (made: { site: Site; ca: OwnCa }) => string | undefined) {
  const host = fakeHost();
  made ??= await ownCaSite(wish(), host);
  const there = key(made);
  host.put(`${DIR}/ca/ca.crt`, made.ca.cert);
  if (there !== undefined) host.put(`${DIR}/ca/ca.key`, there, 0o600);
  host.put(`${DIR}/certs/site.crt`, made.site.chain);
  host.put(`${DIR}/certs/site.key`, made.site.key, 0o600);
  return { host, ca: made.ca, site: made.site };
}

test('no key of the CA is needed while the certificate fits', async () => {
  const { host, ...before } = await machine(() => undefined);
  const { site, ca } = await ownCaSite(wish(), host);
  expect(site).toMatchObject({ chain: before.site.chain, fresh: false });
  expect([ca.cert, ca.key]).toEqual([before.ca.cert, undefined]);
});

test('without the key of the CA nothing is signed; with the key back, it is', async () => {
  const { host } = await machine(() => undefined);
  const said = 'The CA in /opt/registry/ca cannot sign: ca.key is missing.';
  for (const one of [wish({ site: true }), wish({ site: true, ca: true }), wish({}, ['other.example'])])
    await expect(ownCaSite(one, host)).rejects.toThrow(said);
  const back = await machine(({ ca }) => ca.key);
  expect((await ownCaSite(wish({ site: true }), back.host)).site.fresh).toBe(true);
});

test('the key of another CA is refused', async () => {
  const { host } = await machine(({ site }) => site.key);
  await expect(ownCaSite(wish(), host)).rejects.toThrow('belongs to another certificate');
});
