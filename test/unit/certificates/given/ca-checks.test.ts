// An existing CA that is to sign for us: what will do, and what is refused.
import { describe, expect, test } from 'vitest';
import { verifyCa } from '../../../../src/certificates/given/checks.ts';
import { makeSite } from '../../../../src/certificates/pki.ts';
import { authorities, HOST, IDS, inDays, refusal } from '../../../helpers/authorities.ts';
import { CA, type MadeCertificate, newKey, withOpenssl, workshop } from '../../../helpers/openssl.ts';

type Rest = Partial<Parameters<typeof verifyCa>[0]>;

withOpenssl(() => {
  const shop = workshop();
  const { verify } = shop;
  const { authority, root, middle, site } = authorities(shop);
  const check = (ca: MadeCertificate, others: string[] = [], rest: Rest = {}) =>
    verifyCa({ certificates: [ca.cert, ...others], key: ca.key, days: 397, ...rest });

  test('a root, or a CA below one, signs what clients accept', () => {
    const rest = { root: root.cert, pathLength: undefined, warnings: [] };
    expect(check(root)).toEqual({ chain: [root.cert], ...rest });
    expect(check(middle, [root.cert])).toEqual({ chain: [middle.cert, root.cert], ...rest });
    const issuer = { certPem: middle.cert, keyPem: middle.key };
    const made = makeSite({ names: [HOST], days: 397, keyPem: newKey(), issuer });
    expect(verify([made, middle.cert], root.cert, '-verify_hostname', HOST)).toBe('');
  });

  test('returns the path length, and warns that the CA ends before the site certificate', () => {
    const extensions = [...IDS, 'basicConstraints=critical,CA:TRUE,pathlen:1', CA[1]];
    const { pathLength, warnings } = check(authority('ours', undefined, { extensions, days: 50 }));
    expect(pathLength).toBe(1);
    const warning = /^the CA ends on .* UTC: what it signs ends by then, not after 397 days$/;
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });

  const crlOnly = authority('crl', undefined, { extensions: [...IDS, CA[0], 'keyUsage=cRLSign'] });
  const limited = authority('limited', undefined, {
    extensions: [...IDS, 'basicConstraints=critical,CA:TRUE,pathlen:0', CA[1]],
  });
  const strange = authority('strange', undefined, { key: newKey('secp256k1') });
  const tooFar = '"CN=limited", above it, may have 0 CAs below it (path length), not 1';
  test.each<[string, () => unknown, string]>([
    [
      'of a server',
      () => check(site, [middle.cert, root.cert]),
      '--ca-cert: "CN=site" is not the certificate of a CA',
    ],
    [
      'with the key of another',
      () => check({ ...root, key: site.key }),
      '--ca-key: this key belongs to no certificate',
    ],
    ['that has ended', () => check(root, [], { now: inDays(1001) }), '--ca-cert: the CA ended on '],
    ['that may not sign', () => check(crlOnly), '--ca-cert: the CA may not sign certificates'],
    ['of which the root is missing', () => check(middle), 'signed "CN=middle" is missing: "CN=root"'],
    ['too far down', () => check(authority('sub', limited), [limited.cert]), tooFar],
    ['of a kind that Docker does not know', () => check(strange), '(EC secp256k1)'],
  ])('refused: %s', async (_, attempt, says) => {
    expect(await refusal(attempt)).toContain(says);
  });

  describe('name constraints', () => {
    const limits = 'permitted;DNS:corp.example,permitted;IP:10.0.0.0/255.0.0.0,excluded;DNS:dmz.corp.example';
    const bound = authority('bound', undefined, {
      extensions: [...CA, ...IDS, `nameConstraints=critical,${limits}`],
    });
    const inside = ['a.corp.example', 'corp.example', '10.1.2.3'];
    const outside = ['notcorp.example', 'x.dmz.corp.example', '192.168.0.1'];

    test('are read as openssl reads them', () => {
      const issuer = { certPem: bound.cert, keyPem: bound.key };
      const refused = [...inside, ...outside].filter((name) => {
        // The first name is the common name, which openssl reads as a host where there is no DNS name.
        const made = makeSite({ names: ['corp.example', name], days: 9, keyPem: site.key, issuer });
        return verify([made], bound.cert).includes('subtree violation');
      });
      expect(refused).toEqual(outside);
    });

    test('are named with what they leave out', async () => {
      expect(check(bound, [], { names: [...inside, '*.corp.example'] }).warnings).toEqual([]);
      const said = await refusal(() => check(bound, [], { names: [...inside, ...outside] }));
      expect(said).toBe(
        `--ca-cert: the CA may not sign for ${outside.join(', ')}: its name constraints leave them out`,
      );
    });
  });
});
