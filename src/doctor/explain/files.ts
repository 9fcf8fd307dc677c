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
    mend: ([, flag = ''], { line }) =>
      MEANT[flag] || /Status:|dockerd/.test(line)
        ? ['Where it is: systemctl cat docker; cat /etc/default/docker', START]
        : ['Look at its flags: docker COMMAND --help'],
  },
  {
    code: 'insecure-entry',
    subject: 'files',
    pattern:
      /insecure registry \S{0,250} (?:is not valid|should not contain)|invalid (?:mirror|registry mirror)\b/i,
    cause: () =>
      'An entry in daemon.json is none: an insecure registry has no http:// and no path, a mirror has both scheme and host.',
    mend: () => [
      '"insecure-registries": ["10.0.3.17:5000"]      "registry-mirrors": ["https://mirror.example"]',
      VALIDATE,
    ],
  },
  {
    code: 'broken-daemon-json',
    subject: 'files',
    pattern:
      /unable to configure the Docker daemon with file|daemon\.json[^\n]{0,200}invalid character|invalid character [^\n]{1,12} (?:looking for beginning of object key|after object key|after array element|in string literal)|cannot unmarshal \w+ into Go struct field Config/i,
    when: ({ line }) => !/HTTP \d|<html/i.test(line),
    cause: () =>
      'daemon.json is not what dockerd can read: a comma, a quote, or a comment (# and // are none in JSON).',
    mend: () => [VALIDATE, START],
  },
  {
    code: 'certs-d',
    subject: 'files',
    pattern:
      /missing (?:client )?(?:key|certificate) \S{1,200} for (?:client )?(?:certificate|key)|failed to load X509 key pair/i,
    cause: () =>
      'A directory of certs.d has a .cert without its .key, or a .key without its .cert: Docker takes them for a client’s.',
    mend: () => [
      'The CA is all that a client needs there, under the name ca.crt: ls -l /etc/docker/certs.d/*/',
      'The key of the server belongs on the server alone.',
    ],
  },
  {
    code: 'containerd-config',
    subject: 'files',
    pattern:
      /cannot be set when `?config_path`? is provided|invalid plugin config|unknown service runtime\.v1\.(?:Image|Runtime)Service/i,
    cause: () =>
      'containerd’s config.toml keeps its part for Kubernetes (cri) from working: mirrors beside config_path, or "cri" in disabled_plugins.',
    mend: () => [
      'Look at it: grep -nE "disabled_plugins|config_path|mirrors|configs" /etc/containerd/config.toml',
      'One of the two: config_path = "/etc/containerd/certs.d", and no mirrors or configs beside it. Then: systemctl restart containerd',
    ],
  },
  {
    code: 'podman-registries',
    subject: 'files',
    pattern:
      /mixing sysregistry v1\/v2|loading (?:drop-in )?registries configuration|registry must be in v2 format/i,
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
    pattern:
      /configuration error: |error parsing \S{1,200}\.ya?ml|panic: (?:unable to configure authorization|StorageDriver not registered)|unable to open token auth root certificate/i,
    cause: () => 'The configuration of the registry has an error.',
    mend: (_, about) => [`Write it anew from the settings: ${onServer(about, '--yes')}`],
  },
  {
    code: 'key-mismatch',
    subject: 'files',
    pattern:
      /private key does not match public key|failed to find any PEM data|KEY_VALUES_MISMATCH|key values mismatch/i,
    cause: () =>
      'The certificate and the key that the registry is given do not belong together, or are no PEM.',
    mend: (_, about) => [`Make a new pair: ${onServer(about, 'rotate')}`],
  },
  {
    code: 'auth-config',
    subject: 'files',
    pattern: /Failed to load config: (?![^\n]{0,400}permission denied)/,
    cause: () => 'docker_auth does not start: its configuration (auth_config.yml) has an error.',
    mend: (_, about) => [`Write it anew from the settings: ${onServer(about, '--yes')}`],
  },
  {
    code: 'name-taken',
    subject: 'files',
    pattern: /container name "\/?([\w.-]{1,100})" is already in use/i,
    cause: ([, name]) => `There is a container "${name}" already; stopped ones count, too.`,
    mend: ([, name = 'NAME'], about) => [
      shellLine('docker', ['ps', '-a', '--filter', `name=${name}`]),
      `If it is the registry of a set-up, change it by: ${onServer(about, '')}`.trim(),
    ],
  },
  {
    code: 'docker-job',
    subject: 'files',
    general: true,
    pattern:
      /Job for docker\.service failed|docker\.service: (?:Failed with|Main process exited|Start request repeated too quickly)|Failed to start (?:docker\.service|Docker Application)/i,
    cause: () => 'Docker does not start: its reason is in its log.',
    mend: () => [
      'journalctl -u docker -n 50 --no-pager',
      'In words: journalctl -u docker -n 50 --no-pager | registry-setup doctor --error -',
      START,
    ],
  },
];
