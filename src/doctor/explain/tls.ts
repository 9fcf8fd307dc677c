// Messages about TLS and certificates.
import { shellLine } from '../../terminal/shell.ts';
import { askLine, hostOf, isPodman, isPublic, joinLine, type Message, onServer, placeOr } from './message.ts';

const UNKNOWN =
  /certificate signed by unknown authority|unable to get (?:local )?issuer certificate|self[- ]signed certificate|unable to verify the first certificate|UNABLE_TO_VERIFY_LEAF_SIGNATURE|DEPTH_ZERO_SELF_SIGNED_CERT|PKIX path building failed|certificate verify failed|certificate is not trusted|issuer is unknown|issuer certificate is unknown/i;
const HTTP_TO_HTTPS =
  /server gave HTTP response to HTTPS client|first record does not look like a TLS handshake|SSL routines:[\w ]{0,40}:wrong version number|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|tls: oversized record received/i;
const CLOCK = ['Is the clock right? timedatectl', 'If not: timedatectl set-ntp true'];

export const TLS: Message[] = [
  {
    code: 'client-distrusts',
    subject: 'connection',
    pattern:
      /TLS handshake error from (\S{2,60}?):\d{1,5}: remote error: tls: (?:bad certificate|unknown certificate|unknown certificate authority|certificate unknown|expired certificate)/i,
    cause: ([, client]) => `The machine ${client} does not accept the certificate of the registry.`,
    mend: (_, about) => [joinLine(about)],
  },
  {
    code: 'client-in-http',
    subject: 'connection',
    pattern:
      /TLS handshake error from (\S{2,60}?):\d{1,5}: (?:client sent an HTTP request|tls: first record does not look)/i,
    cause: ([, client]) => `The machine ${client} speaks plain HTTP to the registry, which wants TLS.`,
    mend: (_, about) => [
      'There: take the registry out of "insecure-registries" of daemon.json, and write https:// where http:// is written.',
      joinLine(about),
    ],
  },
  {
    code: 'token-server-ca',
    subject: 'connection',
    pattern:
      /failed to (?:fetch (?:oauth|anonymous) token|authorize)\b[^\n]{0,500}(?:unknown authority|HTTP response to HTTPS client)/i,
    cause: () =>
      'The token server is asked with the CAs of the system alone: by Docker before 29.5 with the containerd image store, and by docker buildx.',
    mend: (_, about) => [
      'The CA into the system trust store too, with a restart of Docker (or update Docker to 29.5 or newer):',
      joinLine(about, '', ['--target', 'system', '--target', 'docker', '--restart-docker']),
    ],
  },
  {
    code: 'buildkit',
    subject: 'connection',
    pattern:
      /(?:failed to solve|ERROR: failed to (?:push|build)|^#\d{1,4} )[^\n]{0,600}(?:unknown authority|HTTP response to HTTPS client)/i,
    cause: (_, about) =>
      `The builder of docker buildx reads neither daemon.json nor certs.d, and does not trust ${placeOr(about, 'the registry')}.`,
    mend: (_, about) => [joinLine(about, '', ['--target', 'buildkit'])],
  },
  {
    code: 'intercepted',
    subject: 'connection',
    pattern: UNKNOWN,
    when: isPublic,
    cause: (_, { place }) =>
      `Something in between (a company's proxy) shows a certificate of its own for ${place}.`,
    mend: () => [
      'Its CA into the system trust store. Debian, Ubuntu: cp CA.crt /usr/local/share/ca-certificates/ && update-ca-certificates',
      'Red Hat, SUSE: cp CA.crt /etc/pki/ca-trust/source/anchors/ && update-ca-trust (SUSE: /etc/pki/trust/anchors/, update-ca-certificates)',
      'Then: systemctl restart docker',
    ],
  },
  {
    code: 'http-to-https',
    subject: 'connection',
    pattern: HTTP_TO_HTTPS,
    cause: (_, about) => `${placeOr(about)} answers without TLS, and this client wants TLS.`,
    mend: (_, about) => [
      about.own?.tls
        ? `Another program answers on that port, or a proxy before it: ${askLine(about, 'http')}`
        : `Encrypt it, ${onServer(about, '--tls ca-signed')}`,
      `Or let the machine use it in plain HTTP: ${joinLine(about, 'http://')}`,
    ],
  },
  {
    code: 'https-to-http',
    subject: 'connection',
    pattern:
      /client sent an HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port|malformed HTTP response "\\x15\\x03/i,
    cause: (_, about) => `${placeOr(about)} wants TLS, and this client speaks plain HTTP.`,
    mend: (_, about) => [
      'Take it out of "insecure-registries" of daemon.json, and write https:// where http:// is written. Then:',
      joinLine(about),
    ],
  },
  {
    code: 'no-ip-san',
    subject: 'connection',
    pattern: /cannot validate certificate for (\S{1,60}) because it doesn't contain any IP SANs/i,
    cause: ([, ip]) => `The certificate of the registry is not for the address ${ip}.`,
    mend: ([, ip = 'IP'], about) => [
      `Add the address: ${onServer(about, shellLine('--yes', ['--san', ip]))}`,
      'A certificate made by hand needs subjectAltName=IP:… and not DNS:… for an address.',
    ],
  },
  {
    code: 'common-name-only',
    subject: 'connection',
    pattern: /certificate relies on legacy Common Name field/i,
    cause: () => 'The certificate has its name only as Common Name, which no program accepts any more.',
    mend: (_, about) => [
      `Make one with the name as subjectAltName: ${onServer(about, '--tls ca-signed')}`,
      'With openssl: -addext subjectAltName=DNS:NAME,IP:ADDRESS',
    ],
  },
  {
    code: 'other-name',
    subject: 'connection',
    pattern:
      /certificate is (?:valid for [^\n]{1,400}, not|not valid for any names, but wanted to match) ([^\s"',]{1,253})|Hostname\/IP does not match certificate|ERR_TLS_CERT_ALTNAME_INVALID|no alternative certificate subject name matches|does not match target host ?name '?([^\s']{1,253})/i,
    cause: ([, name, other], about) =>
      `The certificate of the registry is not for the name ${name ?? other ?? placeOr(about, 'that is used')}.`,
    mend: ([, name, other], about) => [
      `Add the name: ${onServer(about, shellLine('--yes', ['--san', name ?? other ?? (about.place ? hostOf(about.place) : 'NAME')]))}`,
      'Or use a name that it has.',
    ],
  },
  {
    code: 'not-yet-valid',
    subject: 'connection',
    pattern:
      /certificate (?:has expired or )?is not yet valid: current time ([^\s",]{10,40}) is before ([^\s",]{10,40})|certificate is not yet valid|CERT_NOT_YET_VALID/i,
    cause: ([, now, from]) =>
      from
        ? `The certificate is valid from ${from}, and the clock here says ${now}.`
        : 'The certificate is not valid yet, by the clock of this machine.',
    mend: () => CLOCK,
  },
  {
    code: 'expired',
    subject: 'connection',
    pattern: /certificate has expired|CERT_HAS_EXPIRED|certificate (?:is )?expired/i,
    cause: (_, about) =>
      `The certificate of ${placeOr(about, 'the registry')} has ended, by the clock of this machine.`,
    mend: (_, about) => [
      `Renew it: ${onServer(about, 'rotate')}`,
      'If it has not ended, the clock here is wrong: timedatectl',
    ],
  },
  {
    code: 'other-ca',
    subject: 'connection',
    pattern:
      /signed by unknown authority \(possibly because of|certificate signature failure|CERT_SIGNATURE_FAILURE|ECDSA verification failure|crypto\/rsa: verification error/i,
    cause: (_, about) =>
      `This machine trusts another CA of the same name than the one of ${placeOr(about, 'the registry')}.`,
    mend: (_, about) => ['Its CA was replaced: compare the fingerprint on the server, then', joinLine(about)],
  },
  {
    code: 'certificate-form',
    subject: 'connection',
    pattern:
      /x509: (?:negative serial number|certificate is not authorized to sign|certificate specifies an incompatible key usage|unhandled critical extension|cannot verify signature: insecure algorithm|malformed|invalid|too many intermediates)[^\n"]{0,80}|RSA key larger than 8192 bits|certificate containing RSA key|unsupported elliptic curve|(?:ca|ee) (?:md|key) too (?:weak|small)/i,
    cause: ([said]) => `Programs refuse the certificate itself (${said}).`,
    mend: (_, about) => [
      `Make another one: ${onServer(about, 'rotate')}`,
      `With its CA: ${onServer(about, 'rotate --ca')}`,
    ],
  },
  {
    code: 'unknown-authority',
    subject: 'connection',
    pattern: new RegExp(
      `${UNKNOWN.source}|tls: unknown certificate authority|remote error: tls: bad certificate`,
      'i',
    ),
    cause: (_, about) => `This machine does not trust the CA of ${placeOr(about, 'the registry')}.`,
    mend: (_, about) => [
      joinLine(about),
      ...(isPodman(about)
        ? []
        : [
            'If the CA is in the system trust store already, Docker reads it when it starts: systemctl restart docker',
          ]),
    ],
  },
  {
    code: 'client-certificate',
    subject: 'connection',
    pattern:
      /tls: certificate required|alert certificate required|client didn't provide a certificate|No required SSL certificate was sent/i,
    cause: (_, about) => `${placeOr(about)} wants a certificate of the client.`,
    mend: (_, about) => [
      `Docker: client.cert and client.key in /etc/docker/certs.d/${about.place ?? 'HOST:PORT'}/`,
    ],
  },
  {
    code: 'tls-version',
    subject: 'connection',
    pattern:
      /tls: (?:no supported versions|protocol version not supported|client offered only unsupported versions)|ERR_SSL_UNSUPPORTED_PROTOCOL|alert protocol version|tls: handshake failure|alert handshake failure|no cipher suite supported/i,
    cause: (_, about) =>
      `This client and ${placeOr(about, 'the registry')} have no version or cipher of TLS in common.`,
    mend: () => ['The registry speaks TLS 1.2 and newer: update the client, or what stands between the two.'],
  },
  {
    code: 'hub-slow',
    subject: 'connection',
    pattern: /TLS handshake timeout/i,
    when: isPublic,
    cause: (_, { place }) => `${place} is hardly reached from this machine: TLS does not come through.`,
    mend: () => [
      'Use a mirror: "registry-mirrors": ["https://MIRROR"] in /etc/docker/daemon.json, then: systemctl reload docker',
      'Or a proxy: docker info | grep -i proxy. To set up a registry without Docker Hub: registry-setup bundle FILE',
    ],
  },
  {
    code: 'tls-timeout',
    subject: 'connection',
    pattern: /TLS handshake timeout/i,
    cause: (_, about) => `${placeOr(about)} takes the connection, and no TLS comes back.`,
    mend: (_, about) => [
      `Does something in between hold it up (proxy, VPN, MTU)? ${askLine(about)}`,
      'A proxy that catches it: docker info | grep -i proxy',
    ],
  },
];
