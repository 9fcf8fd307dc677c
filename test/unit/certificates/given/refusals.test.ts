// Ready certificates that are refused, and what openssl and Go say to the same ones.
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { describeCertificate } from '../../../../src/certificates/fields.ts';
import { verifyReadyCertificate } from '../../../../src/certificates/given/checks.ts';
import { readCertificates } from '../../../../src/certificates/given/files.ts';
import { makeSite } from '../../../../src/certificates/pki.ts';
import { InputError } from '../../../../src/errors.ts';
import { ADDRESS, authorities, HOST, IDS, inDays, refusal } from '../../../helpers/authorities.ts';
import { askGo, noGo } from '../../../helpers/go-client.ts';
import { CA, newKey, random, SITE, withOpenssl, workshop } from '../../../helpers/openssl.ts';

type Check = Parameters<typeof verifyReadyCertificate>[0];

withOpenssl(() => {
  const shop = workshop();
  const { dir, make, verify } = shop;
  const { authority, server, root, middle, site } = authorities(shop);
  const own = { key: site.key };
  const names = [HOST, ADDRESS];
  const check = (certificates: string[], rest: Partial<Check> = {}) =>
    verifyReadyCertificate({ certificates, key: site.key, names, publicRoots: [], ...rest });

  const issuer = { certPem: root.cert, keyPem: root.key };
  const madeOn = (now: Date) => makeSite({ names, days: 10, keyPem: site.key, now, issuer });
  const noCa = authority('nobody', root, { extensions: [...IDS, 'basicConstraints=CA:FALSE'] });
  const noSign = authority('crl only', root, { extensions: [...IDS, CA[0], 'keyUsage=critical,cRLSign'] });
  const pathLength = 'basicConstraints=critical,CA:TRUE,pathlen:0';
  const short = authority('short', undefined, { extensions: [...IDS, pathLength, CA[1]] });
  const below = authority('below', short);
  const mail = authority('mail', root, { extensions: [...CA, ...IDS, 'extendedKeyUsage=emailProtection'] });
  const limits = 'nameConstraints=critical,permitted;DNS:corp.example,excluded;IP:10.0.0.0/255.0.0.0';
  const bound = authority('bound', undefined, { extensions: [...CA, ...IDS, limits] });
  const old = authority('old', root, { digest: '-sha1' });
  const purpose = [...IDS, `subjectAltName=DNS:${HOST},IP:${ADDRESS}`, 'extendedKeyUsage=clientAuth'];
  const others = 'DNS:a.example,DNS:*.b.example,IP:10.0.3.18';
  const nameless = { ...own, by: root, subject: `/CN=${HOST}`, extensions: [...SITE, ...IDS] };

  interface Case {
    chain: string[];
    /** What we say; then what openssl and Go say, where they mind. */
    says: string;
    openssl?: string;
    go?: string;
  }
  const cases: Record<string, Case> = {
    expired: {
      chain: [madeOn(inDays(-20))],
      says: 'the certificate ended on ',
      openssl: 'expired',
      go: 'expired',
    },
    'not yet valid': {
      chain: [madeOn(inDays(20))],
      says: 'the certificate is not valid before ',
      openssl: 'not yet valid',
      go: 'not yet valid',
    },
    'its issuer is missing': {
      chain: [site.cert],
      says: 'the CA that signed "CN=site" is missing: "CN=middle"',
      openssl: 'unable to get local issuer',
      go: 'unknown authority',
    },
    'an issuer that is no CA': {
      chain: [server(noCa, own).cert, noCa.cert],
      says: '"CN=nobody", above it, is not a CA',
      openssl: 'invalid CA',
      go: 'unknown authority',
    },
    'an issuer that may not sign': {
      chain: [server(noSign, own).cert, noSign.cert],
      says: '"CN=crl only", above it, may not sign certificates',
      openssl: 'invalid CA',
      go: 'unknown authority',
    },
    'an issuer too far down': {
      chain: [server(below, own).cert, below.cert, short.cert],
      says: '"CN=short", above it, may have 0 CAs below it (path length), not 1',
      openssl: 'path length',
      go: 'too many intermediates',
    },
    'an issuer for mail': {
      chain: [server(mail, own).cert, mail.cert],
      says: '"CN=mail", above it, is not for TLS servers',
      go: 'incompatible key usage',
    },
    'outside of name constraints': {
      chain: [server(bound, own).cert, bound.cert],
      says: '"CN=bound", above it, may not sign for registry.example, 10.0.3.17',
      openssl: 'subtree violation',
      go: 'is not authorized to sign for this name',
    },
    'signed with SHA-1': {
      chain: [server(root, { ...own, digest: '-sha1' }).cert],
      says: 'the certificate is signed with SHA-1',
      go: 'SHA1',
    },
    'an issuer signed with SHA-1': {
      chain: [server(old, own).cert, old.cert],
      says: '"CN=old", above it, is signed with SHA-1',
      go: 'SHA1',
    },
    'not for servers': {
      chain: [make({ ...own, by: root, extensions: purpose }).cert],
      says: 'the certificate is not for TLS servers',
      openssl: 'unsuitable certificate purpose',
      go: 'incompatible key usage',
    },
    'for other names': {
      chain: [server(root, own, others).cert],
      says: 'the certificate is not for registry.example, 10.0.3.17; it is for a.example, *.b.example, 10.0.3.18',
      openssl: 'hostname mismatch',
      go: 'is valid for a.example, *.b.example',
    },
    'an address as a DNS name': {
      chain: [server(root, own, `DNS:${HOST},DNS:${ADDRESS}`).cert],
      says: '(10.0.3.17 is in it as a DNS name, not as an address)',
      go: "doesn't contain any IP SANs",
    },
    'a common name alone': {
      chain: [make(nameless).cert],
      says: 'has only a common name ("registry.example"); Docker wants subjectAltName',
      go: 'legacy Common Name',
    },
  };

  test.each(Object.entries(cases))('%s', async (_, { chain, says, openssl, go }) => {
    const sent = [...chain, root.cert];
    expect(await refusal(() => check(sent))).toContain(`--cert: `);
    expect(await refusal(() => check(sent))).toContain(says);
    const roots = sent.filter((pem) => describeCertificate(pem).selfSigned).join('');
    if (openssl) expect(verify(sent, roots, '-verify_hostname', HOST)).toContain(openssl);
    if (noGo || !go) return;
    const answers = await askGo({ chain: sent.join(''), key: site.key, roots }, names, dir);
    expect(answers.join('\n')).toContain(go);
  });

  test('the root is missing', async () => {
    const said = await refusal(() => check([site.cert, middle.cert]));
    expect(said).toBe('--cert: the certificate of the CA that signed "CN=middle" is missing: "CN=root"');
  });

  test('an issuer of the same name that has another key', async () => {
    const said = await refusal(() => check([server(root, own).cert, authority('root').cert]));
    expect(said).toContain(
      '"CN=site" was not signed by the "CN=root" that is here: its key is a different one',
    );
  });

  test('the key of another certificate', async () => {
    const where = { cert: '--cert /a.pem', key: '--key /a.key' };
    const said = await refusal(() => check([root.cert], { where }));
    expect(said).toBe(
      '--key /a.key: this key belongs to no certificate in --cert /a.pem, which has "CN=root"',
    );
  });

  test("a CA's certificate and key", async () => {
    const said = await refusal(() => check([root.cert], { key: root.key }));
    expect(said).toBe('--cert: "CN=root" is the certificate of a CA, not of a server');
  });

  test.each([
    [1024, 'has an RSA key of 1024 bits'],
    ['secp256k1', 'has a key of a kind that Docker does not support (EC secp256k1)'],
  ])('a key that clients refuse: %s', async (kind, says) => {
    const weak = server(root, { key: newKey(kind) });
    expect(await refusal(() => check([weak.cert, root.cert], { key: weak.key }))).toContain(says);
  });

  test('reports every fault at once', async () => {
    const other = server(middle, { ...own, days: 10 }, 'DNS:a.example');
    const said = await refusal(() => check([other.cert], { now: inDays(20), extraCa: [middle.cert] }));
    expect(said.split('\n')).toEqual([
      '--cert: the certificate is not for registry.example, 10.0.3.17; it is for a.example',
      expect.stringMatching(
        /^--cert: the certificate ended on \d{4}-\d\d-\d\d \d\d:\d\d UTC; the clock of this machine says .* UTC$/,
      ),
      '--cert: the certificate of the CA that signed "CN=middle" is missing: "CN=root"',
    ]);
  });

  test('one wrong byte anywhere gives a readable refusal', async () => {
    const der = new X509Certificate(site.cert).raw;
    const { below } = random(9);
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(der);
      bytes.writeUInt8(below(256), below(bytes.length));
      try {
        const certificates = await readCertificates({ bytes, where: '--cert' });
        check([...certificates, middle.cert, root.cert]);
        expect(bytes.equals(der)).toBe(true);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(250);
  });
});
