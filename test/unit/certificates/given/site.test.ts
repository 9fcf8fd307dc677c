// A company's CA that may sign for some networks alone: addresses of the machine outside of them are left out, and no reason to fail.
import { expect, test } from 'vitest';
import { givenCaSite } from '../../../../src/certificates/given/site.ts';
import { siteNames } from '../../../../src/certificates/names.ts';
import { makeKeys } from '../../../../src/certificates/site.ts';
import { splitPem } from '../../../../src/certificates/split.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import { authorities, IDS, refusal } from '../../../helpers/authorities.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';
import { CA, withOpenssl, workshop } from '../../../helpers/openssl.ts';

withOpenssl(() => {
  const shop = workshop();
  const { authority } = authorities(shop);
  const limits = 'permitted;DNS:corp.example,permitted;IP:10.0.0.0/255.0.0.0';
  const bound = authority('bound', undefined, {
    extensions: [...CA, ...IDS, `nameConstraints=critical,${limits}`],
  });
  // It says nothing of names itself: the limits are those of the one above it.
  const below = authority('below', bound);

  const site = (line: string, addresses: string[], host = fakeHost()) => {
    host.put('/ca.crt', below.cert + bound.cert);
    host.put('/ca.key', below.key);
    const words = `--ca-cert /ca.crt --ca-key /ca.key ${line}`.split(' ');
    const result = resolveSettings(readArguments(words).answers, { dir: '/opt/registry' });
    if ('problems' in result) throw new Error(JSON.stringify(result.problems));
    const { settings } = result;
    const names = siteNames(settings, 'srv', addresses);
    return givenCaSite({ settings, names, keys: makeKeys(), renew: {} }, host, async () => undefined);
  };
  const OUTSIDE = ['192.168.7.7', 'fd00::1'];

  test('addresses that the name constraints exclude are left out, and not reported as missing', async () => {
    const host = fakeHost();
    const made = await site('--host a.corp.example', ['10.1.2.3', ...OUTSIDE], host);
    const [leaf = '', ...above] = splitPem(made.chain);
    expect(shop.verify([leaf, ...above], bound.cert, '-verify_hostname', 'a.corp.example')).toBe('');
    expect(shop.verify([leaf, ...above], bound.cert, '-verify_ip', '10.1.2.3')).toBe('');
    host.put('/opt/registry/certs/site.crt', made.chain);
    host.put('/opt/registry/certs/site.key', made.key);
    const again = await site('--host a.corp.example', ['10.1.2.3', '10.9.9.9', ...OUTSIDE], host);
    expect(again.fresh).toBe(false);
    expect(again.lacks).toEqual(['10.9.9.9']);
  });

  test('a requested name that the name constraints exclude is refused', async () => {
    expect(await refusal(() => site('--host a.corp.example --san 192.168.7.7', []))).toContain(
      'may not sign for 192.168.7.7',
    );
  });
});
