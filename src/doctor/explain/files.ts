// Messages about the files and flags of engines and of the registry.
import { shellLine } from '../../terminal/shell.ts';
import { type Message, onServer } from './message.ts';

const VALIDATE = 'Look at it: dockerd --validate --config-file /etc/docker/daemon.json';
const START = 'Then: systemctl reset-failed docker; systemctl start docker';

/** Names of daemon.json and of dockerd, by what people write instead. (docs.docker.com/reference/cli/dockerd) */
const MEANT: Record<string, string> = {
  'registry-mirror': 'registry-mirrors',
  'insecure-registry': 'insecure-registries',
  '--insecure-registries': '--insecure-registry',
  '--registry-mirrors': '--registry-mirror',
};

export const FILES: Message[] = [
  {
    code: 'flag-conflict',
    subject: 'files',
    pattern: /directives are specified both as a flag and in the configuration file: ([\w-]{1,60})/i,
    cause: ([, key]) =>
      `"${key}" is given to dockerd twice: as a flag and in daemon.json, and dockerd takes only one.`,
    mend: () => [
      'Take one away. The flags: systemctl cat docker | grep -A9 ExecStart; cat /etc/default/docker /etc/sysconfig/docker',
      START,
    ],
  },
  {
    code: 'unknown-key',
    subject: 'files',
    pattern: /directives don't match any configuration option: ([\w.-]{1,60})/i,
    cause: ([, key = '']) =>
      `daemon.json has "${key}", which dockerd does not know${MEANT[key] ? `: it is "${MEANT[key]}"` : ''}.`,
    mend: () => [VALIDATE, START],
  },
  {
    code: 'unknown-flag',
    subject: 'files',
    pattern: /unknown flag: (--[\w-]{1,60})/i,
    cause: ([, flag = '']) =>
      `The program has no flag ${flag}${MEANT[flag] ? `: it is ${MEANT[flag]}` : ''}.`,
    mend: () => ['Where it is: systemctl cat docker; cat /etc/default/docker', START],
  },
  {
    code: 'broken-daemon-json',
    subject: 'files',
    pattern:
      /unable to configure the Docker daemon with file|invalid character [^\n]{1,30} (?:looking for|after) [^\n]{0,40}|cannot unmarshal \w+ into Go/i,
    cause: () =>
      'daemon.json is not what dockerd can read: a comma, a quote, or a comment (# and // are none in JSON).',
    mend: () => [VALIDATE, START],
  },
  {
    code: 'insecure-entry',
    subject: 'files',
    pattern:
      /insecure registry (\S{1,250}) is not valid|invalid (?:mirror|registry mirror)[^\n]{0,200}|allowed schemes? (?:is|are) only/i,
    cause: () =>
      'An entry in daemon.json is none: an insecure registry has no http:// and no path, a mirror has both scheme and host.',
    mend: () => [
      '"insecure-registries": ["10.0.3.17:5000"]      "registry-mirrors": ["https://mirror.example"]',
      VALIDATE,
    ],
  },
  {
    code: 'certs-d',
    subject: 'files',
    pattern:
      /missing (?:client )?(?:key|certificate) \S{1,200} for (?:client )?(?:certificate|key)|Missing key \S{1,200} for client certificate/i,
    cause: () =>
      'A directory of certs.d has a .cert without its .key, or a .key without its .cert: Docker takes them for a client’s.',
    mend: () => [
      'The CA is all that a client needs there, under the name ca.crt: ls -l /etc/docker/certs.d/*/',
      'The key of the server belongs on the server alone.',
    ],
  },
  {
    code: 'podman-registries',
    subject: 'files',
    pattern:
      /mixing sysregistry v1\/v2|error loading registries configuration|loading registries configuration/i,
    cause: () => 'A file of podman (registries.conf) has old and new forms mixed, or an error.',
    mend: () => [
      'Look at them: head -n 50 /etc/containers/registries.conf /etc/containers/registries.conf.d/*',
    ],
  },
  {
    code: 'short-name',
    subject: 'files',
    pattern: /short-name "?([^"\s]{1,250})"? did not resolve|no unqualified-search registries/i,
    cause: () => 'podman does not know which registry an image without one in its name is from.',
    mend: () => ['Write it whole: HOST:PORT/team/app:1.0, or docker.io/library/NAME'],
  },
  {
    code: 'registry-config',
    subject: 'files',
    pattern: /configuration error: [^\n]{0,200}|error parsing \S{1,200}\.ya?ml/i,
    cause: () => 'The configuration of the registry has an error.',
    mend: (_, _line, own) => [`Write it anew from the settings: ${onServer(own, '--yes')}`],
  },
  {
    code: 'key-mismatch',
    subject: 'files',
    pattern: /private key does not match public key|failed to find any PEM data|KEY_VALUES_MISMATCH/i,
    cause: () =>
      'The certificate and the key that the registry is given do not belong together, or are no PEM.',
    mend: (_, _line, own) => [`Make a new pair: ${onServer(own, 'rotate')}`],
  },
  {
    code: 'name-taken',
    subject: 'files',
    pattern: /container name "\/?([\w.-]{1,100})" is already in use/i,
    cause: ([, name]) => `There is a container "${name}" already; stopped ones count, too.`,
    mend: ([, name = 'NAME'], _, own) => [
      shellLine('docker', ['ps', '-a', '--filter', `name=${name}`]),
      `If it is the registry of a set-up, change it by: ${onServer(own, '')}`.trim(),
    ],
  },
  {
    code: 'docker-job',
    subject: 'files',
    pattern:
      /Job for docker\.service failed|docker\.service: (?:Failed with|Start request repeated too quickly)|Failed to start docker\.service/i,
    cause: () => 'Docker does not start: its reason is in its log.',
    mend: () => [
      'journalctl -u docker -n 50 --no-pager',
      'In words: journalctl -u docker -n 50 --no-pager | registry-setup doctor --error -',
      START,
    ],
  },
];
