// Messages about the way to the registry: names, ports, TLS, certificates, proxies.
import { commandLine } from '../../terminal/command.ts';
import { shellLine } from '../../terminal/shell.ts';
import { askLine, isDockerHub, joinLine, type Message, onServer, placeIn, placeOr } from './message.ts';

const NOT_REACHED =
  /dial tcp|lookup \S+|no such host|could not resolve host|connection refused|i\/o timeout|TLS handshake timeout|deadline exceeded|Client\.Timeout|connection reset|no route to host|network is unreachable|\bEOF\b/i;

const WITHOUT_HUB = [
  'A proxy may be missing: docker info | grep -i proxy',
  'Carry the images over: registry-setup bundle FILE (on a machine that reaches Docker Hub)',
  'Or take the image from a mirror: registry-setup --image MIRROR/library/registry:3',
];

export const CONNECTION: Message[] = [
  {
    code: 'search',
    subject: 'connection',
    pattern: /docker search|\/v1\/search|\/v1\/_ping/i,
    cause: () => '"docker search" asks Docker Hub alone, and no private registry.',
    mend: () => [`What is in the registry: ${commandLine('image list')}`],
  },
  {
    code: 'docker-hub',
    subject: 'connection',
    pattern: NOT_REACHED,
    when: isDockerHub,
    cause: () => 'Docker Hub cannot be reached from this machine.',
    mend: () => WITHOUT_HUB,
  },
  {
    code: 'http-to-https',
    subject: 'connection',
    pattern:
      /server gave HTTP response to HTTPS client|first record does not look like a TLS handshake|SSL routines:[^:]*:wrong version number|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|tls: oversized record received/i,
    cause: (_, line) => `${placeOr(line)} answers without TLS, and this client wants TLS.`,
    mend: (_, line, own) => [
      own?.tls
        ? `Another program answers on that port, or a proxy before it: ${askLine(line, 'http')}`
        : `Encrypt it, ${onServer(own, '--tls self-signed')}`,
      `Or let this machine use it in plain HTTP: ${joinLine(line, 'http://')}`,
    ],
  },
  {
    code: 'https-to-http',
    subject: 'connection',
    pattern:
      /client sent an HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port|malformed HTTP response "\\x15\\x03/i,
    cause: (_, line) => `${placeOr(line)} wants TLS, and this client speaks plain HTTP.`,
    mend: (_, line) => [
      `Take it out of "insecure-registries" (and write https:// where http:// is written), then: ${joinLine(line)}`,
    ],
  },
  {
    code: 'no-ip-san',
    subject: 'connection',
    pattern: /cannot validate certificate for (\S{1,60}) because it doesn't contain any IP SANs/i,
    cause: ([, ip]) => `The certificate of the registry is not for the address ${ip}.`,
    mend: ([, ip = 'IP'], _, own) => [
      `Add the address: ${onServer(own, shellLine('--yes', ['--san', ip]))}`,
      'A certificate made by hand needs subjectAltName=IP:… and not DNS:… for an address.',
    ],
  },
  {
    code: 'common-name-only',
    subject: 'connection',
    pattern: /certificate relies on legacy Common Name field/i,
    cause: () => 'The certificate has its name only as Common Name, which no program accepts any more.',
    mend: (_, _line, own) => [
      `Make one with the name as subjectAltName: ${onServer(own, '--tls self-signed')}`,
      'With openssl: -addext subjectAltName=DNS:NAME,IP:ADDRESS',
    ],
  },
  {
    code: 'other-name',
    subject: 'connection',
    pattern:
      /certificate is (?:valid for [^\n]{1,400}, not|not valid for any names, but wanted to match) ([^\s"',]{1,253})|Hostname\/IP does not match certificate|ERR_TLS_CERT_ALTNAME_INVALID|no alternative certificate subject name matches/i,
    cause: ([, name], line) =>
      `The certificate of the registry is not for the name ${name ?? placeOr(line, 'that is used')}.`,
    mend: ([, name], line, own) => [
      `Add the name: ${onServer(own, shellLine('--yes', ['--san', name ?? placeIn(line)?.replace(/:\d+$/, '') ?? 'NAME']))}`,
      'Or use a name that it has.',
    ],
  },
  {
    code: 'not-yet-valid',
    subject: 'connection',
    pattern:
      /certificate (?:has expired or )?is not yet valid: current time (\S{10,40}) is before (\S{10,40})|certificate is not yet valid|CERT_NOT_YET_VALID/i,
    cause: ([, now, from]) =>
      from
        ? `The certificate is valid from ${from}, and the clock here says ${now}.`
        : 'The certificate is not valid yet, by the clock of this machine.',
    mend: () => ['Is the clock right? timedatectl', 'If not: timedatectl set-ntp true'],
  },
  {
    code: 'expired',
    subject: 'connection',
    pattern: /certificate has expired|CERT_HAS_EXPIRED|certificate expired/i,
    cause: (_, line) =>
      `The certificate of ${placeOr(line, 'the registry')} has ended, by the clock of this machine.`,
    mend: (_, _line, own) => [
      `Renew it: ${onServer(own, 'rotate')}`,
      'If it has not ended, the clock here is wrong: timedatectl',
    ],
  },
  {
    code: 'other-ca',
    subject: 'connection',
    pattern:
      /signed by unknown authority \(possibly because of|certificate signature failure|CERT_SIGNATURE_FAILURE|ECDSA verification failure|crypto\/rsa: verification error/i,
    cause: (_, line) =>
      `This machine trusts another CA of the same name than the one of ${placeOr(line, 'the registry')}.`,
    mend: (_, line) => [`Its CA was made anew: compare the fingerprint, then ${joinLine(line)}`],
  },
  {
    code: 'unknown-authority',
    subject: 'connection',
    pattern:
      /certificate signed by unknown authority|unable to get (?:local )?issuer certificate|self[- ]signed certificate|unable to verify the first certificate|UNABLE_TO_VERIFY_LEAF_SIGNATURE|DEPTH_ZERO_SELF_SIGNED_CERT|PKIX path building failed|tls: unknown certificate authority|remote error: tls: bad certificate/i,
    cause: (_, line) => `This machine does not trust the CA of ${placeOr(line, 'the registry')}.`,
    mend: (_, line) => [
      joinLine(line),
      'If the CA is in the trust store of the system, Docker reads it when it starts: systemctl restart docker',
    ],
  },
  {
    code: 'client-certificate',
    subject: 'connection',
    pattern:
      /tls: certificate required|client didn't provide a certificate|No required SSL certificate was sent/i,
    cause: (_, line) => `${placeOr(line)} wants a certificate of the client.`,
    mend: (_, line) => [
      `Docker: client.cert and client.key in /etc/docker/certs.d/${placeIn(line) ?? 'HOST:PORT'}/`,
    ],
  },
  {
    code: 'tls-version',
    subject: 'connection',
    pattern:
      /tls: (?:no supported versions|protocol version not supported)|ERR_SSL_UNSUPPORTED_PROTOCOL|tlsv1 alert protocol version|tls: handshake failure|sslv3 alert handshake failure/i,
    cause: (_, line) =>
      `This client and ${placeOr(line, 'the registry')} have no version or cipher of TLS in common.`,
    mend: () => ['The registry speaks TLS 1.2 and newer: update the client, or what stands between the two.'],
  },
  {
    code: 'tls-timeout',
    subject: 'connection',
    pattern: /TLS handshake timeout/i,
    cause: (_, line) => `${placeOr(line)} takes the connection, and no TLS comes back.`,
    mend: (_, line) => [
      `Does something in between hold it up (proxy, VPN, MTU)? ${askLine(line)}`,
      'A proxy that catches it: docker info | grep -i proxy',
    ],
  },
  {
    code: 'proxy',
    subject: 'connection',
    pattern: /proxyconnect tcp|Proxy Authentication Required|response (?:code )?407/i,
    cause: () => 'The way goes through a proxy, and the proxy does not let it pass.',
    mend: (_, line) => [
      'Which one? docker info | grep -i proxy; env | grep -i proxy',
      `Add the registry to NO_PROXY of the Docker service: ${placeIn(line)?.replace(/:\d+$/, '') ?? 'HOST'}`,
    ],
  },
  {
    code: 'no-such-host',
    subject: 'connection',
    pattern:
      /no such host|could not resolve host|name or service not known|temporary failure in name resolution|getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|server misbehaving/i,
    cause: (_, line) => `The name ${placeOr(line, 'of the registry')} is not known here.`,
    mend: (_, line) => {
      const name = placeIn(line)?.replace(/:\d+$/, '') ?? 'NAME';
      return [
        `What does the system say? ${shellLine('getent', ['hosts', name])}`,
        `Give it an address here: npx ${shellLine('registry-setup', ['--client', '--host', name, '--address', 'IP'])}`,
      ];
    },
  },
  {
    code: 'refused',
    subject: 'connection',
    pattern: /connection refused|ECONNREFUSED/i,
    cause: (_, line) => `Nothing listens at ${placeOr(line, 'that address')}.`,
    mend: (_, _line, own) => [
      `Does the registry run? ${onServer(own, 'status')}`,
      'Is the port right? Docker uses 443 for a name without one.',
    ],
  },
  {
    code: 'not-reached',
    subject: 'connection',
    pattern:
      /i\/o timeout|no route to host|network is unreachable|Client\.Timeout exceeded|deadline exceeded|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|request canceled while waiting for connection|connection timed out/i,
    cause: (_, line) =>
      `${placeOr(line)} does not answer: a firewall, another network, or a machine that is off.`,
    mend: (_, line, own) => [
      `From here: ${askLine(line)}`,
      `The firewall of the server: ${onServer(own, 'doctor')}`,
    ],
  },
  {
    code: 'too-large',
    subject: 'connection',
    pattern: /413 Request Entity Too Large|unexpected (?:HTTP )?status(?: code)?:? 413|\bHTTP status: 413\b/i,
    cause: () => 'A proxy before the registry refuses large layers.',
    mend: () => [
      'nginx: client_max_body_size 0;   Apache: LimitRequestBody 0   (in the server block, then reload it)',
    ],
  },
  {
    code: 'bad-gateway',
    subject: 'connection',
    pattern:
      /(?:unexpected|received unexpected) (?:HTTP )?status(?: code)?:? (50[234])|\b(502 Bad Gateway|503 Service (?:Temporarily )?Unavailable|504 Gateway Time-?out)\b/i,
    cause: ([, status, words]) => `A proxy before the registry gets no answer from it (${status ?? words}).`,
    mend: (_, _line, own) => [`Does the registry run? ${onServer(own, 'status')}`],
  },
  {
    code: 'wrong-location',
    subject: 'connection',
    pattern: /unsupported protocol scheme|blob upload (?:unknown|invalid)|BLOB_UPLOAD_(?:UNKNOWN|INVALID)/i,
    cause: () => 'The registry sends clients on to an address that does not lead back to the same upload.',
    mend: () => [
      'Behind nginx: proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;',
      'Several registries before one storage: the same http.secret in each.',
    ],
  },
  {
    code: 'port-taken',
    subject: 'connection',
    pattern: /port is already allocated|address already in use|EADDRINUSE/i,
    cause: (_, line) => {
      const [, port] = /:(\d{2,5})(?:: bind:| failed|\b[^:\n]{0,40}already)/.exec(line) ?? [];
      return `Another program has the port${port ? ` ${port}` : ''}.`;
    },
    mend: (_, _line, own) => ['Who? ss -ltnp', `Another port: ${onServer(own, '--port PORT')}`],
  },
  {
    code: 'cut-off',
    subject: 'connection',
    pattern: /connection reset by peer|ECONNRESET|unexpected EOF|: EOF\b|broken pipe/i,
    cause: (_, line) => `${placeOr(line)}, or something in between, breaks the connection off.`,
    mend: (_, _line, own) => [
      own ? `What does it say? ${own.log}` : `Is it well? ${onServer(own, 'doctor')}`,
      'It may speak plain HTTP, be out of memory or disk, or stand behind a proxy with a short time limit.',
    ],
  },
];
