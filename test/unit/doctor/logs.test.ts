// What the logs tell: lines as the programs write them (registry 3.1.1, docker_auth 1.14.0, Docker 28.5.2), and what is no news.
import { createServer } from 'node:https';
import { expect, test } from 'vitest';
import { makeSelfSigned } from '../../../src/certificates/pki.ts';
import type { Asked, Trouble } from '../../../src/doctor/check.ts';
import { LOGS } from '../../../src/doctor/logs.ts';
import { codes, dockerTarget, doctorInput, testMachine, withDocker } from '../../helpers/doctor-input.ts';
import { listening } from '../../helpers/listening.ts';
import { newKey } from '../../helpers/openssl.ts';

const SETTINGS = {
  dir: '/opt/registry',
  engine: 'docker',
  name: 'registry',
  host: '10.0.3.17',
  port: 5000,
  san: [],
  auth: 'token',
  authPort: 5001,
  tls: 'ca-signed',
};
const OWN: Asked = { address: '10.0.3.17:5000', at: { tls: true, host: '10.0.3.17', port: 5000 } };

/** Reads logs. @param said what each program wrote, by the command that shows it */
async function read(said: { registry?: string; auth?: string; docker?: string }): Promise<Trouble[]> {
  const machine = testMachine();
  machine.put('/run/systemd/system/x', '');
  machine.host.machine.addresses = [{ interface: 'eth0', address: '10.0.3.17', family: 4 } as never];
  const log = (name: string) => new RegExp(`docker logs .* ${name}$`);
  const run = machine.host.run;
  machine.host.run = async (command, args = [], options) => {
    const line = [command, ...args].join(' ');
    const stderr = log('registry').test(line)
      ? said.registry
      : log('registry-auth').test(line)
        ? said.auth
        : '';
    if (command === 'docker') return { code: 0, stdout: '', stderr: stderr ?? '' };
    if (command === 'journalctl') return { code: 0, stdout: said.docker ?? '', stderr: '' };
    return run(command, args, options);
  };
  const input = doctorInput(machine.host, { server: { settings: SETTINGS }, registries: [OWN] });
  return (await Promise.all(LOGS.map(({ look }) => look(input)))).flat();
}

const FULL = (time: string) =>
  `time="2026-11-27T${time}Z" level=error msg="error closing blobwriter: filesystem: write /var/lib/registry/docker/a.tmp: no space left on device" go.version=go1.26.8`;
const HANDSHAKE = (client: string) =>
  `2026/11/27 21:28:42 http: TLS handshake error from ${client}:49952: remote error: tls: bad certificate`;

test('a line of the registry: how often, and the last one with its time', async () => {
  const [found, ...more] = await read({ registry: [FULL('21:28:51'), 'x', FULL('21:40:02')].join('\n') });
  expect(more).toEqual([]);
  expect(found).toMatchObject({ code: 'disk-full', severity: 'risk' });
  expect(found?.cause).toContain('(in the log, 2 times, the last 2026-11-27 21:40)');
  expect(found?.evidence).toContain('21:40:02');
});

test('what was before the last start of the registry is over', async () => {
  const started =
    'time="2026-11-27T21:41:00Z" level=info msg="listening on [::]:5000, tls" go.version=go1.26.8';
  expect(await read({ registry: [FULL('21:28:51'), started].join('\n') })).toEqual([]);
});

test('what a healthy registry writes every day is no news', async () => {
  const registry = [
    'time="2026-11-27T21:28:46Z" level=warning msg="error authorizing context: basic authentication challenge for realm \\"r\\": authentication failure" http.request.host="10.0.3.17:5000"',
    'time="2026-11-27T21:28:54Z" level=error msg="response completed with error" err.code="blob unknown" err.message="blob unknown to registry"',
    'time="2026-11-27T21:28:56Z" level=error msg="response completed with error" err.code="manifest unknown" err.message="manifest unknown"',
    HANDSHAKE('10.0.3.17'),
    '10.9.9.9 - - [27/Nov/2026:21:28:56 +0000] "PUT /v2/permission-denied-no-space-left-on-device HTTP/1.1" 404 1',
  ].join('\n');
  expect(await read({ registry })).toEqual([]);
});

test('a machine that does not accept the certificate is named', async () => {
  const [found] = await read({ registry: HANDSHAKE('10.0.3.99') });
  expect(found).toMatchObject({ code: 'client-distrusts' });
  expect(found?.cause).toContain('10.0.3.99');
  expect(found?.mend.join('\n')).toContain('--client --host 10.0.3.17 --port 5000');
});

test('why a token is not taken, which the registry calls information', async () => {
  const registry =
    'time="2026-11-27T22:16:47Z" level=info msg="token intended for another audience: [other]"\n' +
    'time="2026-11-27T22:16:47Z" level=warning msg="error authorizing context: invalid token" http.request.host="10.0.3.17:5000"';
  expect(await read({ registry })).toMatchObject([{ code: 'token-refused' }]);
});

test('docker_auth: its errors alone', async () => {
  const auth = [
    'I1127 21:28:42.000000 1 main.go:1] open /config/auth_config.yml: permission denied',
    'F1127 21:28:43.000000 1 main.go:2] open /config/auth_config.yml: permission denied',
  ];
  expect(await read({ auth: auth[0] ?? '' })).toEqual([]);
  expect(await read({ auth: auth.join('\n') })).toMatchObject([{ code: 'file-rights' }]);
});

const docker = (said: string) => `2026-11-27T21:28:48+0000 host dockerd[1]: ${said}`;
const error = (time: string, said: string) =>
  `${time} host dockerd[1]: time="${time}" level=error msg="${said}"`;

test('Docker: that it does not trust a registry is over when it does', async () => {
  const key = newKey();
  const cert = makeSelfSigned({ names: ['127.0.0.1'], days: 30, keyPem: key });
  const port = await listening(createServer({ key, cert }, (_, reply) => void reply.end('{}')));
  const address = `127.0.0.1:${port}`;
  const line = error(
    new Date().toISOString(),
    `Handler for POST /v1.51/auth returned error: Get \\"https://${address}/v2/\\": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  );
  const machine = testMachine();
  withDocker(machine);
  machine.put('/run/systemd/system/x', '');
  machine.says.journalctl = { stdout: line };
  const input = () =>
    doctorInput(machine.host, {
      registries: [{ address, at: { tls: true, host: '127.0.0.1', port } }],
      targets: [dockerTarget(address)],
    });
  expect(await codes(input(), ...LOGS.slice(2))).toEqual(['unknown-authority']);
  machine.put(`/etc/docker/certs.d/${address}/ca.crt`, cert);
  expect(await codes(input(), ...LOGS.slice(2))).toEqual([]);
});

test('Docker: what it says of this registry and of itself, and not of others', async () => {
  const lines = (place: string, time = new Date().toISOString()) =>
    error(
      time,
      `Handler for POST /v1.51/auth returned error: Get \\"https://${place}/v2/\\": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    );
  expect(await read({ docker: lines('10.0.3.17:5000') })).toMatchObject([{ code: 'unknown-authority' }]);
  expect(await read({ docker: lines('10.9.9.9:5000') })).toEqual([]);
  expect(
    await read({
      docker: error(new Date().toISOString(), 'Upload failed: received unexpected HTTP status: 500'),
    }),
  ).toEqual([]);
  // Since then it may have been mended.
  expect(await read({ docker: lines('10.0.3.17:5000', '2026-01-02T03:04:05Z') })).toEqual([]);
  const conflict =
    'unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives are specified both as a flag and in the configuration file: insecure-registries: (from flag: [b:2], from file: [a:1])';
  const [found] = await read({ docker: docker(conflict) });
  expect(found).toMatchObject({ code: 'flag-conflict' });
  expect(found?.evidence).toContain('21:28:48');
  const started = docker('time="2026-11-27T21:29:00Z" level=info msg="Daemon has completed initialization"');
  expect(await read({ docker: [docker(conflict), started].join('\n') })).toEqual([]);
});
