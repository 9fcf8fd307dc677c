// Messages of what stands between a client and a registry: proxies on either side, web servers, the wrong server.
import { commandLine } from '../../terminal/command.ts';
import { askLine, hostOf, isPublic, type Message, onServer, placeOr } from './message.ts';

const WHICH_PROXY =
  'Which one? docker info | grep -i proxy; env | grep -i proxy; systemctl show docker -p Environment';

const ELSEWHERE: Pick<Message, 'code' | 'subject' | 'cause' | 'mend'> = {
  code: 'wrong-location',
  subject: 'connection',
  cause: () =>
    'The registry sends clients on to an address that does not lead back to the same upload: a proxy hides from it how it is called.',
  mend: () => [
    'Behind nginx: proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;',
    'Several registries with one storage: the same http.secret in each. A disk that is full does it, too: df -h',
  ],
};

export const PROXY: Message[] = [
  {
    code: 'proxy',
    subject: 'connection',
    pattern:
      /proxyconnect tcp|Proxy Authentication Required|response (?:code )?407|over proxy \S{1,100} after|"https:\/\/[^"\s]{1,300}": (?:Forbidden|Bad Gateway|Service Unavailable|Gateway Time-?out)\b/i,
    cause: (_, about) =>
      `The way to ${placeOr(about, 'the registry')} goes through a proxy, which does not let it pass.`,
    mend: (_, { place }) => [
      WHICH_PROXY,
      `A private registry needs none: add ${place ? hostOf(place) : 'its name'} to NO_PROXY there, for Docker also to "no-proxy" in daemon.json.`,
    ],
  },
  {
    code: 'too-large',
    subject: 'connection',
    pattern:
      /413 (?:Request Entity|Payload|Content) Too Large|HTTP 413|status(?: ?code)?:? 413|client intended to send too large body/i,
    cause: (_, about) => `A proxy before ${placeOr(about, 'the registry')} refuses large layers.`,
    mend: () => [
      'nginx: client_max_body_size 0;   Apache: LimitRequestBody 0   (for this server, then reload it)',
    ],
  },
  {
    ...ELSEWHERE,
    pattern: /unsupported protocol scheme|blob upload (?:unknown|invalid)|BLOB_UPLOAD_(?:UNKNOWN|INVALID)/i,
  },
  {
    ...ELSEWHERE,
    pattern: /no such host|connection refused|i\/o timeout|HTTP response to HTTPS|to an HTTPS server/i,
    when: ({ line }) =>
      /\b(?:Put|Patch) "?https?:\/\/[^"\s/]{1,300}\/v2\/[^"\s]{0,300}\/blobs\/uploads\//i.test(line),
  },
  {
    ...ELSEWHERE,
    pattern: /^\W{0,8}dial tcp\b/,
    // A push that has begun at one registry cannot reach another one.
    when: ({ before, place }) =>
      before !== undefined && place !== undefined && hostOf(before) !== hostOf(place),
  },
  {
    code: 'bad-gateway',
    subject: 'connection',
    pattern:
      /\b(?:status(?: code)?(?: from [A-Z]{3,7} request to \S{1,900}| from registry)?:? )(50[234])\b|\b(502 Bad Gateway|503 Service (?:Temporarily )?Unavailable|504 Gateway Time-?out)\b|while (?:connecting|SSL handshaking) to upstream|while reading response header from upstream|upstream prematurely closed/i,
    cause: (_, about) =>
      `A proxy before ${placeOr(about, 'the registry')} gets no answer from the registry behind it.`,
    mend: (_, about) => [
      `Does the registry run? ${onServer(about, 'status')}`,
      'Is the address in the proxy right (proxy_pass), with http:// or https:// as the registry speaks?',
    ],
  },
  {
    code: 'not-a-registry',
    subject: 'connection',
    pattern:
      /error unmarshalling content: invalid character '<'|image from source [^\n]{0,300}invalid character '<'|unexpected media type text\/html|invalid content digest in response|unexpected HTTP status: (?:200|30[1278])|unexpected status from (?:POST|PUT|PATCH|GET) request to \S{1,900}: 404|failed with status: 404|HTTP 404 response body|StatusCode: 404|status code from registry 404|<html>404 Not Found|<title>404 Not Found|Server: AirTunes/i,
    when: ({ line }) => !/docker search|Unexpected status code 404/.test(line),
    cause: (_, about) =>
      `What answers at ${placeOr(about, 'that address')} is no registry: a web page, or another path of a proxy.`,
    mend: (_, about) => [
      `A registry answers {} or "UNAUTHORIZED": ${askLine(about)}`,
      'Behind a proxy: /v2/ goes to the registry as it is, with no path before it. On a Mac, port 5000 is that of AirPlay.',
    ],
  },
  {
    code: 'forbidden',
    subject: 'connection',
    general: true,
    pattern: /\b403 Forbidden\b|status(?: code)?:? 403\b/i,
    cause: (_, about) =>
      `Something before ${placeOr(about, 'the registry')} refuses this machine: an address list, a firewall, a proxy.`,
    mend: (_, about) => [`What answers? ${askLine(about)}`, WHICH_PROXY],
  },
  {
    code: 'search',
    subject: 'connection',
    pattern:
      /\bdocker search\b|\/v1\/search|images\/search|invalid registry endpoint|^\W{0,20}(?:Error response from daemon: )?Unexpected status code 404/i,
    cause: () =>
      '"docker search" asks Docker Hub alone, or registries of a kind of 2014: no private registry of today.',
    mend: (_, { own, place }) => [
      `What is in the registry: ${commandLine(own || !place || isPublic({ place }) ? 'image list' : `image list --host ${place}`)}`,
    ],
  },
];
