// Messages about logins, rights and names.
import { commandLine } from '../../terminal/command.ts';
import { shellLine } from '../../terminal/shell.ts';
import { isDockerHub, joinLine, type Message, onServer, placeIn, placeOr } from './message.ts';

const loginLine = (line: string) => shellLine('docker', ['login', placeIn(line) ?? 'HOST:PORT']);

/** An image without a registry in its name. (distribution/reference: the first part has a dot, a colon, or is `localhost`) */
const WITHOUT_REGISTRY = [
  'An image without a registry in its name is one of Docker Hub: name it HOST:PORT/team/app:1.0',
  'docker tag app:1.0 HOST:PORT/team/app:1.0',
];

export const LOGIN: Message[] = [
  {
    code: 'rate-limit',
    subject: 'login',
    pattern: /toomanyrequests|too many requests|reached your (?:un)?(?:authenticated )?pull rate limit/i,
    cause: (_, line) =>
      `${isDockerHub(line) || /rate limit/i.test(line) ? 'Docker Hub' : placeOr(line)} allows no more pulls for now.`,
    mend: () => ['Log in there: docker login', `Keep the image here: ${commandLine('image copy SRC DST')}`],
  },
  {
    code: 'hub-name',
    subject: 'login',
    pattern:
      /pull access denied for (\S{1,250}?),? repository does not exist|denied: requested access to the resource is denied/i,
    when: (line) => isDockerHub(line) || !placeIn(line),
    cause: ([, name]) =>
      name?.includes('/') && /[.:]/.test(name.split('/')[0] ?? '')
        ? `${name} is not there, or this login may not read it.`
        : `The name leads to Docker Hub${name ? ` (${name})` : ''}, and there is no right to it.`,
    mend: ([, name]) =>
      name && /[.:]/.test(name.split('/')[0] ?? '')
        ? [
            shellLine('docker', ['login', name.split('/')[0] ?? '']),
            `Is it there? ${commandLine('image list')}`,
          ]
        : WITHOUT_REGISTRY,
  },
  {
    code: 'no-login',
    subject: 'login',
    pattern: /no basic auth credentials/i,
    cause: (_, line) =>
      `No login is kept here for ${placeOr(line, 'the registry')}, under just this name and port.`,
    mend: (_, line) => [
      loginLine(line),
      'A login belongs to one user: with sudo it is another one. With a credential helper, see ~/.docker/config.json.',
    ],
  },
  {
    code: 'helper',
    subject: 'login',
    pattern: /error (?:getting|storing|saving) credentials|docker-credential-[\w-]{1,40}/i,
    cause: () => 'The program that keeps logins (credsStore in ~/.docker/config.json) does not work here.',
    mend: () => [
      'Take "credsStore" out of ~/.docker/config.json, or install that program; then log in again.',
    ],
  },
  {
    code: 'no-terminal',
    subject: 'login',
    pattern: /cannot perform an interactive login from a non[- ]?TTY/i,
    cause: () => 'docker login has no terminal to ask for the password.',
    mend: () => ['docker login --username NAME --password-stdin HOST:PORT < FILE'],
  },
  {
    code: 'bad-hash',
    subject: 'login',
    pattern:
      /hashedSecret too short|bcrypt: [^\n]{0,60}(?:prefix|version|algorithm)|htpasswd: [^\n]{0,60}(?:invalid|unsupported)/i,
    cause: () => 'A line of the htpasswd file has no bcrypt hash: the registry takes no other.',
    mend: (_, _line, own) => [
      `Set the password again: ${onServer(own, 'user password NAME')}`,
      'By hand: htpasswd -B FILE NAME',
    ],
  },
  {
    code: 'token-early',
    subject: 'login',
    pattern: /token (?:is )?not (?:to be used|valid|used) before|used before issued|token not yet valid/i,
    cause: () => 'The clocks of docker_auth and the registry differ: a new token is not valid yet.',
    mend: () => ['timedatectl', 'timedatectl set-ntp true'],
  },
  {
    code: 'token-refused',
    subject: 'login',
    pattern:
      /token signed by untrusted key|failed to verify token|unable to verify token|token intended for another audience|token from untrusted issuer|invalid_token|insufficient_scope[^\n]{0,80}invalid/i,
    cause: () =>
      'The registry does not take the tokens of its token server: other key, issuer or service name.',
    mend: (_, _line, own) => [`Put the two in step: ${onServer(own, '--yes')}`],
  },
  {
    code: 'no-right',
    subject: 'login',
    pattern:
      /insufficient_scope|denied: requested access to the resource is denied|denied: access forbidden|access to the requested resource is not authorized/i,
    cause: (_, line) => `The login at ${placeOr(line, 'the registry')} may not do this with this repository.`,
    mend: (_, line, own) => [
      `Who may what? ${onServer(own, 'user list')}`,
      `Another login: ${loginLine(line)}`,
    ],
  },
  {
    code: 'wrong-password',
    subject: 'login',
    pattern:
      /incorrect username or password|unauthorized: (?:authentication required|authentication failed|not authorized|HTTP Basic)|401 Unauthorized|status: 401|bcrypt: hashedPassword is not the hash|authentication required/i,
    cause: (_, line) =>
      `${placeOr(line)} refuses the login: no login is sent, or its password is another one.`,
    mend: (_, line, own) => [loginLine(line), `A new password: ${onServer(own, 'user password NAME')}`],
  },
  {
    code: 'lower-case',
    subject: 'login',
    pattern: /repository name must be lowercase|invalid reference format/i,
    cause: () => 'The name of the image is none: small letters, digits, . _ - and one colon before the tag.',
    mend: () => ['HOST:PORT/team/app:1.0   (no http:// before it, no capital letter, no blank)'],
  },
  {
    code: 'platform',
    subject: 'login',
    pattern:
      /no matching manifest for (\S{1,40})|image operating system "?\w+"? cannot be used|no match for platform in manifest|does not match the specified platform: wanted (\S{1,40}),/i,
    cause: ([, one, other]) => `The image is not there for ${one ?? other ?? 'this machine'}.`,
    mend: () => [
      `Which are there? ${commandLine('image show REPO:TAG')}`,
      'Build for both: docker buildx build --platform linux/amd64,linux/arm64 --push …',
    ],
  },
  {
    code: 'no-local-image',
    subject: 'login',
    pattern: /An image does not exist locally with the tag: (\S{1,250})|tag does not exist: (\S{1,250})/i,
    cause: ([, one, other]) =>
      `This machine has no image of the name ${one ?? other}: there is nothing to push.`,
    mend: () => ['docker images', 'Give it the name first: docker tag app:1.0 HOST:PORT/team/app:1.0'],
  },
  {
    code: 'not-there',
    subject: 'login',
    pattern:
      /manifest (?:for \S{1,250} )?(?:unknown|not found)|MANIFEST_UNKNOWN|repository name not known to registry|NAME_UNKNOWN|name unknown|: not found: manifest unknown/i,
    cause: (_, line) => `The image or tag is not in ${placeOr(line, 'the registry')}.`,
    mend: (_, line, own) => [
      `What is there: ${own ? commandLine('image list') : commandLine(shellLine('image', ['list', '--host', placeIn(line) ?? 'HOST:PORT']))}`,
    ],
  },
  {
    code: 'old-format',
    subject: 'login',
    pattern:
      /schema ?v?(?:ersion )?1 [^\n]{0,60}(?:no longer|deprecated|unsupported|not supported)|Docker Image manifest version 2, schema 1|prettyjws|missing signature key/i,
    cause: () => 'The image is in a format of 2015 (schema 1), which registry 3 and new engines do not take.',
    mend: () => ['Pull it with an old Docker, and push it again with one from 1.10 on.'],
  },
  {
    code: 'parts-missing',
    subject: 'login',
    pattern:
      /manifest blob unknown|MANIFEST_BLOB_UNKNOWN|blob unknown to registry|unknown blob|BLOB_UNKNOWN/i,
    cause: () => 'A part of the image is not in the registry: a push was cut off, or a collection took it.',
    mend: () => ['Push the image again, whole: the layers that are there are not sent twice.'],
  },
  {
    code: 'switched-off',
    subject: 'login',
    pattern: /405 Method Not Allowed|status(?: code)?:? 405|the operation is unsupported|UNSUPPORTED: /i,
    cause: () => 'The registry is read-only for the moment (a collection), or deleting is switched off.',
    mend: (_, _line, own) => [
      `Is one under way? ${onServer(own, 'status')}`,
      `Allow deleting: ${onServer(own, '--delete --yes')}`,
    ],
  },
  {
    code: 'manifest-invalid',
    subject: 'login',
    pattern:
      /manifest invalid|MANIFEST_INVALID|digest (?:invalid|did not match)|DIGEST_INVALID|SIZE_INVALID/i,
    cause: () => 'What was sent is damaged, or something in between changes it.',
    mend: (_, line) => [`Try it without a proxy: ${joinLine(line)}`],
  },
];
