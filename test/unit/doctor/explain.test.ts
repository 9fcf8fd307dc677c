// Messages as programs write them: each was made for real with the version that stands beside it.
import { describe, expect, test } from 'vitest';
import { explain } from '../../../src/doctor/explain/explain.ts';
import type { OwnRegistry } from '../../../src/doctor/explain/message.ts';

const OWN: OwnRegistry = {
  address: '10.0.3.17:5000',
  tls: true,
  auth: 'htpasswd',
  dir: undefined,
  log: 'docker logs registry',
};
const codes = (text: string) => explain(text, undefined).map(({ code }) => code);

const DOCKER_26: [code: string, line: string][] = [
  [
    'http-to-https',
    'Error response from daemon: Get "https://172.19.0.2:5000/v2/": http: server gave HTTP response to HTTPS client',
  ],
  [
    'no-ip-san',
    `Error response from daemon: Get "https://172.17.0.1:6000/v2/": tls: failed to verify certificate: x509: cannot validate certificate for 172.17.0.1 because it doesn't contain any IP SANs`,
  ],
  [
    'common-name-only',
    'Error response from daemon: Get "https://reg.example:6000/v2/": tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, use SANs instead',
  ],
  [
    'unknown-authority',
    'Error response from daemon: Get "https://172.17.0.1:6002/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
  ],
  [
    'expired',
    'Error response from daemon: Get "https://172.17.0.1:6003/v2/": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-27T21:09:18Z is after 2024-02-01T00:00:00Z',
  ],
  [
    'not-yet-valid',
    'Error response from daemon: Get "https://172.17.0.1:6004/v2/": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-27T21:09:18Z is before 2034-01-01T00:00:00Z',
  ],
  [
    'no-such-host',
    'Error response from daemon: Get "https://no.such.example/v2/": dial tcp: lookup no.such.example on 127.0.0.11:53: no such host',
  ],
  [
    'refused',
    'Error response from daemon: Get "https://172.17.0.1:7999/v2/": dial tcp 172.17.0.1:7999: connect: connection refused',
  ],
  [
    'docker-hub',
    'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 127.0.0.11:53: no such host',
  ],
  ['lower-case', 'invalid reference format: repository name (None) must be lowercase'],
  ['no-terminal', 'Error: Cannot perform an interactive login from a non TTY device'],
  [
    'broken-daemon-json',
    "unable to configure the Docker daemon with file bad2.json: invalid character ']' looking for beginning of value",
  ],
  [
    'broken-daemon-json',
    "unable to configure the Docker daemon with file bad3.json: invalid character '#' looking for beginning of object key string",
  ],
  [
    'flag-conflict',
    'unable to configure the Docker daemon with file bad4.json: the following directives are specified both as a flag and in the configuration file: insecure-registries: (from flag: [b:2], from file: [a:1])',
  ],
  [
    'unknown-key',
    "unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives don't match any configuration option: registry-mirrorz",
  ],
  ['unknown-flag', 'Status: unknown flag: --insecure-registries'],
  [
    'certs-d',
    'Error response from daemon: missing key client.key for client certificate client.cert. CA certificates must use the extension .crt',
  ],
  ['certs-d', 'Error response from daemon: missing client certificate client.cert for key client.key'],
  [
    'api-version',
    'Error response from daemon: {"message":"client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"}',
  ],
  [
    'no-engine',
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
  ],
  [
    'docker-rights',
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.45/containers/json": dial unix /var/run/docker.sock: connect: permission denied',
  ],
  [
    'search',
    'Error response from daemon: invalid registry endpoint https://172.17.0.1:5000/v1/: Get "https://172.17.0.1:5000/v1/_ping": http: server gave HTTP response to HTTPS client.',
  ],
  [
    'not-there',
    'Error response from daemon: manifest for 127.0.0.1:5000/none:1 not found: manifest unknown: manifest unknown',
  ],
  [
    'port-taken',
    'docker: Error response from daemon: driver failed programming external connectivity on endpoint awesome_bartik (89a5f4): Bind for 0.0.0.0:5000 failed: port is already allocated.',
  ],
  ['no-local-image', 'An image does not exist locally with the tag: hello'],
  [
    'platform',
    'image with reference 127.0.0.1:5000/x:1 was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64',
  ],
  [
    'wrong-password',
    'Error response from daemon: login attempt to http://127.0.0.1:5000/v2/ failed with status: 401 Unauthorized',
  ],
  [
    'no-login',
    'Error response from daemon: Head "http://127.0.0.1:5000/v2/x/manifests/1": no basic auth credentials',
  ],
  ['docker-job', 'Job for docker.service failed because the control process exited with error code.'],
];

const OTHERS: [code: string, line: string][] = [
  // registry 3.1
  [
    'bad-hash',
    'time="2026-11-27T21:09:56Z" level=error msg="error authenticating user" error="crypto/bcrypt: hashedSecret too short to be a bcrypted password"',
  ],
  [
    'key-mismatch',
    'time="2026-11-27T21:09:58Z" level=fatal msg="tls: private key does not match public key"',
  ],
  ['registry-config', 'configuration error: error parsing /cfg.yml: unsupported version: ""'],
  ['https-to-http', 'Client sent an HTTP request to an HTTPS server.'],
  // podman 5.4
  [
    'refused',
    'Error: initializing source docker://172.17.0.1:5000/a:latest: pinging container registry 172.17.0.1:5000: Get "https://172.17.0.1:5000/v2/": dial tcp 172.17.0.1:5000: connect: connection refused',
  ],
  // curl 8.14
  ['http-to-https', 'curl: (35) TLS connect error: error:0A00010B:SSL routines::wrong version number'],
];

describe('a message is known', () => {
  test.each([...DOCKER_26, ...OTHERS])('%s: %s', (code, line) => {
    expect(codes(line)).toEqual([code]);
  });
});

describe('the advice', () => {
  test('names the registry of the message', () => {
    const [first] = explain(DOCKER_26[3]?.[1] ?? '', undefined);
    expect(first?.mend[0]).toBe('npx registry-setup --client --host 172.17.0.1 --port 6002');
  });

  test('is a command here, and says where to run it elsewhere', () => {
    const line = DOCKER_26[1]?.[1] ?? '';
    expect(explain(line, OWN)[0]?.mend[0]).toContain('registry-setup --yes --san 172.17.0.1');
    expect(explain(line, undefined)[0]?.mend[0]).toContain("on the registry's server:");
  });

  test('quotes what a shell would act on', () => {
    const [found] = explain(`x509: certificate is valid for a, not $(reboot)`, OWN);
    expect(found?.mend[0]).toContain(`'$(reboot)'`);
  });
});

test('several lines: each meaning once, in their order, with how often', () => {
  const text = [DOCKER_26[0]?.[1], 'nothing', DOCKER_26[7]?.[1], DOCKER_26[0]?.[1]].join('\r\n');
  expect(explain(text, undefined).map(({ code, times }) => [code, times])).toEqual([
    ['http-to-https', 2],
    ['refused', 1],
  ]);
});

test('a text that says nothing known gives nothing', () => {
  expect(codes('hello\n\n  everything is fine\n')).toEqual([]);
});

test('what a terminal would act on is shown, and no password is', () => {
  const line =
    '\u001b]0;x\u0007\u009b31m no basic auth credentials https://ann:geheim@h:1/ Authorization: Basic YW5uOmdlaGVpbQ== --password topsecret';
  const [found] = explain(line, undefined);
  const text = [found?.line, found?.cause, ...(found?.mend ?? [])].join('');
  expect(text).toContain('no basic auth');
  expect(text).not.toMatch(/geheim|YW5uOm|topsecret|\p{Cc}/u);
});

test.each([
  ['one long line', 'a'.repeat(1_000_000)],
  ['slashes', '/'.repeat(1_000_000)],
  ['digits and colons', '1:'.repeat(500_000)],
  ['the beginning of a message, again and again', 'certificate is valid for '.repeat(40_000)],
  ['many lines', 'dial tcp '.repeat(20).concat('\n').repeat(5_000)],
  ['secrets that do not end', 'Basic '.repeat(160_000)],
])('a megabyte of %s comes to an end', { timeout: 20_000 }, (_, text) => {
  expect(explain(text, undefined).length).toBeLessThan(5);
});
