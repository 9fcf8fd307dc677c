// Messages about logins and rights.
import { commandLine } from '../../terminal/command.ts';
import { shellLine } from '../../terminal/shell.ts';
import { isDockerHub, loginLine, type Message, onServer, placeOr } from './message.ts';

/** Returns the registry in the name of an image. (distribution/reference: the first part has a dot, a colon, or is `localhost`) */
const registryIn = (name: string): string | undefined => {
  const [first = '', ...rest] = name.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') && first !== 'docker.io'
    ? first
    : undefined;
};

export const LOGIN: Message[] = [
  {
    code: 'rate-limit',
    subject: 'login',
    pattern: /toomanyrequests|too many requests|reached your (?:un)?(?:authenticated )?pull rate limit/i,
    cause: (_, about) =>
      `${isDockerHub(about) || !about.place ? 'Docker Hub' : about.place} allows no more pulls for now.`,
    mend: (_, about) => [
      `Log in there: ${isDockerHub(about) || !about.place ? 'docker login' : loginLine(about)}`,
      `Keep the image in your registry: ${commandLine('image copy SRC DST')}`,
    ],
  },
  {
    code: 'default-user',
    subject: 'login',
    pattern: /htpasswd is missing, provisioning with default user/i,
    cause: () =>
      'The registry found no htpasswd file, and made one with a user "docker" and a password that is in its log.',
    mend: (_, about) => [
      `Write the file anew: ${onServer(about, '--yes')}`,
      'By hand: is the directory of the file mounted, at the path that the configuration says?',
    ],
  },
  {
    code: 'helper',
    subject: 'login',
    pattern: /error (?:getting|storing|saving) credentials|docker-credential-[\w.-]{1,40}/i,
    cause: () => 'The program that keeps logins (credsStore in ~/.docker/config.json) does not work here.',
    mend: () => [
      'Take "credsStore" out of ~/.docker/config.json, or install that program; then log in again.',
    ],
  },
  {
    code: 'no-login',
    subject: 'login',
    pattern: /no basic auth credentials/i,
    cause: (_, about) =>
      `No login is kept here for ${placeOr(about, 'the registry')}, under just this name and port.`,
    mend: (_, about) => [
      loginLine(about),
      'A login belongs to one user: with sudo it is another one. In Kubernetes: an imagePullSecret.',
    ],
  },
  {
    code: 'pull-secret',
    subject: 'login',
    pattern: /FailedToRetrieveImagePullSecret|Unable to retrieve some image pull secrets/i,
    cause: () => 'The imagePullSecret that the pod names is not in its namespace.',
    mend: () => [
      'kubectl -n NAMESPACE create secret docker-registry NAME --docker-server=HOST:PORT --docker-username=USER --docker-password="$(cat FILE)"',
    ],
  },
  {
    code: 'hub-name',
    subject: 'login',
    pattern:
      /pull access denied for (\S{1,250}?),? repository does not exist|(?:pull|push) access denied, repository does not exist|denied: requested access to the resource is denied/i,
    when: (about) => isDockerHub(about) || !about.place,
    cause: ([, name]) =>
      name && registryIn(name)
        ? `${name} is not there, or this login may not read it.`
        : `The name leads to Docker Hub${name ? ` (${name})` : ''}, and there is no right to it.`,
    mend: ([, name]) => {
      const place = name && registryIn(name);
      return place
        ? [
            shellLine('docker', ['login', place]),
            `Is it there? ${commandLine(shellLine('image', ['list', '--host', place]))}`,
          ]
        : [
            'An image without a registry in its name is one of Docker Hub: name it HOST:PORT/team/app:1.0',
            'docker tag app:1.0 HOST:PORT/team/app:1.0',
          ];
    },
  },
  {
    code: 'no-terminal',
    subject: 'login',
    pattern:
      /cannot perform an interactive login from a non[- ]?TTY|getting username and password: reading username: EOF/i,
    cause: () => 'The login has no terminal to ask for the password.',
    mend: ({ input }, { place }) => [
      `${shellLine(/reading username/.test(input) ? 'podman' : 'docker', ['login', '--username', 'NAME', '--password-stdin', place ?? 'HOST:PORT'])} < FILE`,
    ],
  },
  {
    code: 'bad-hash',
    subject: 'login',
    pattern:
      /hashedSecret too short|crypto\/bcrypt: [^\n"]{0,60}(?:prefix|version|algorithm)|htpasswd: [^\n]{0,60}(?:invalid|unsupported)/i,
    cause: () => 'A line of the htpasswd file is none with a bcrypt hash: the registry takes no other.',
    mend: (_, about) => [
      `Set the password again: ${onServer(about, 'user password NAME')}`,
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
    code: 'token-expired',
    subject: 'login',
    pattern: /token not to be used after|token is expired|token has expired/i,
    cause: () => 'A token was used after its time: by a push that took long, or since two clocks differ.',
    mend: () => ['Try it again. If it comes back: timedatectl, here and on the server'],
  },
  {
    code: 'token-refused',
    subject: 'login',
    pattern:
      /token signed by untrusted key|token intended for another audience|token from untrusted issuer|(?:failed|unable) to verify token: (?!token not to be used)|invalid_token/i,
    cause: () =>
      'The registry does not take the tokens of its token server: other key, issuer or service name.',
    mend: (_, about) => [
      `Put the two in step: ${onServer(about, '--yes')}`,
      'By hand: registry 3 wants token.disable_legacy_key_id: true in docker_auth, registry 2 wants false; the key is RSA.',
    ],
  },
  {
    code: 'token-invalid',
    subject: 'login',
    general: true,
    pattern: /error authorizing context: (?:invalid|malformed) token/i,
    cause: () => 'The registry did not take the token of a client; the line before in its log says why.',
    mend: (_, about) => [
      `Its log: ${about.own?.log ?? 'docker logs NAME'}`,
      `What is wrong? ${onServer(about, 'doctor')}`,
    ],
  },
  {
    code: 'no-right',
    subject: 'login',
    pattern:
      /insufficient[_ ]scope|denied: requested access to the resource is denied|denied: access forbidden|access to the requested resource is not authorized|(?:pull|push) access denied/i,
    cause: (_, about) =>
      `The login at ${placeOr(about, 'the registry')} may not do this with this repository, or no login is sent.`,
    mend: (_, about) => [`Who may what? ${onServer(about, 'user list')}`, `Log in: ${loginLine(about)}`],
  },
  {
    code: 'wrong-password',
    subject: 'login',
    pattern:
      /incorrect username or password|invalid username\/password|unauthorized: (?:authentication required|authentication failed|not authorized|HTTP Basic)|401 Unauthorized|status: 401|hashedPassword is not the hash|authentication required|authentication failure/i,
    cause: (_, about) =>
      `${placeOr(about)} refuses the login: no login is sent, or its password is another one.`,
    mend: (_, about) => [loginLine(about), `A new password: ${onServer(about, 'user password NAME')}`],
  },
  {
    code: 'pull-back-off',
    subject: 'login',
    general: true,
    pattern: /ImagePullBackOff|ErrImagePull|Back-off pulling image|InvalidImageName/,
    cause: () => 'Kubernetes could not pull the image; why is in the events of the pod.',
    mend: () => [
      'kubectl describe pod NAME | tail -n 20',
      `In words: kubectl describe pod NAME | ${commandLine('doctor --error -')}`,
    ],
  },
];
