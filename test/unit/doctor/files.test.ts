// What tutorials get wrong in the files of Docker, podman and containerd: each file as they print it, and its code.
import { createServer as secure } from 'node:https';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { makeSelfSigned, makeSite } from '../../../src/certificates/pki.ts';
import type { Asked } from '../../../src/doctor/check.ts';
import { certsD } from '../../../src/doctor/client/certs-d.ts';
import { containerdFiles } from '../../../src/doctor/client/containerd.ts';
import { daemonJson } from '../../../src/doctor/client/daemon-json.ts';
import { entries } from '../../../src/doctor/client/entries.ts';
import { flags } from '../../../src/doctor/client/flags.ts';
import { podmanFiles } from '../../../src/doctor/client/podman.ts';
import { codes, doctorInput, testMachine, withDocker } from '../../helpers/doctor-input.ts';
import { newKey } from '../../helpers/openssl.ts';

const CONFIG = '/etc/docker/daemon.json';
const asked = (address: string): Asked => {
  const [host = '', port] = address.split(':');
  return { address, at: { tls: true, host, port: Number(port ?? 443) } };
};
type Said = Parameters<typeof withDocker>[1];

/** The codes of a daemon.json, on a machine whose dockerd says this. */
function ofJson(text: string, said: Said | 'stopped' = {}, registries: Asked[] = []) {
  const machine = testMachine();
  if (said === 'stopped') machine.install('docker', 'dockerd');
  else withDocker(machine, said);
  machine.put(CONFIG, text);
  const input = doctorInput(machine.host, { registries });
  return codes(input, daemonJson, entries);
}

test('a daemon.json that Docker has read has no trouble', async () => {
  const text = '{"insecure-registries": ["10.0.3.17:5000"], "registry-mirrors": ["https://m.example"]}';
  expect(await ofJson(text, { insecure: ['10.0.3.17:5000'], mirrors: ['https://m.example/'] })).toEqual([]);
  expect(await ofJson('')).toEqual([]);
});

test('a comment, a comma too many, two objects in one file', async () => {
  const comment = '{\n  "insecure-registries":["127.0.0.1:30001"]  # 服务器ip和端口\n}';
  expect(await ofJson(comment)).toEqual(['daemon-json-broken']);
  expect(await ofJson('{"a": 1,}')).toEqual(['daemon-json-broken']);
  expect(await ofJson('{}\n{"insecure-registries": []}')).toEqual(['daemon-json-broken']);
});

test('a broken file is a risk while Docker runs, and broken when it does not', async () => {
  const machine = testMachine();
  machine.put(CONFIG, '{');
  withDocker(machine);
  expect(await daemonJson.look(doctorInput(machine.host))).toMatchObject([{ severity: 'risk' }]);
  delete machine.says['docker info'];
  expect(await daemonJson.look(doctorInput(machine.host))).toMatchObject([{ severity: 'broken' }]);
});

test.each([
  ['registry-mirror', '"registry-mirrors": ["https://m.example"]', '"https://m.example"'],
  ['insecure-registry', '"insecure-registries": ["10.0.3.17:5000"]', '["10.0.3.17:5000"]'],
  ['insecure_registries', '"insecure-registries": ["10.0.3.17:5000"]', '["10.0.3.17:5000"]'],
  ['Registry-Mirrors', '"registry-mirrors": ["https://m.example"]', '["https://m.example"]'],
])('%s is misspelt, and the right line is shown', async (key, line, value) => {
  const machine = testMachine();
  withDocker(machine);
  machine.put(CONFIG, `{"${key}": ${value}}`);
  const found = await daemonJson.look(doctorInput(machine.host));
  expect(found).toMatchObject([{ code: 'daemon-json-misspelt' }]);
  expect(found[0]?.mend[0]).toContain(line);
});

test('a key that is the name of a flag is accepted and ignored: it is named all the same', async () => {
  const machine = testMachine();
  withDocker(machine);
  // As 26.1 and 28.5 do.
  machine.says['dockerd --validate'] = { stdout: 'configuration OK' };
  machine.put(CONFIG, '{"registry-mirror": ["https://m.example"]}');
  expect(await daemonJson.look(doctorInput(machine.host))).toMatchObject([
    { code: 'daemon-json-misspelt', severity: 'broken' },
  ]);
});

test('a key that a newer dockerd accepts is not misspelt', async () => {
  const machine = testMachine();
  withDocker(machine);
  machine.says['dockerd --validate'] = { stdout: 'configuration OK' };
  machine.put(CONFIG, '{"default-gateway-v7": "x"}');
  expect(await codes(doctorInput(machine.host), daemonJson)).toEqual([]);
});

test('what dockerd refuses is shown in its words', async () => {
  const machine = testMachine();
  withDocker(machine);
  const stderr = 'unable to configure the Docker daemon with file: unsupported log level';
  machine.says['dockerd --validate'] = { code: 1, stderr };
  machine.put(CONFIG, '{"log-level": "loud"}');
  const found = await daemonJson.look(doctorInput(machine.host));
  expect(found).toMatchObject([{ code: 'daemon-json-refused', evidence: stderr }]);
});

test('a list that is none, and a change that Docker has not read', async () => {
  expect(await ofJson('{"insecure-registries": "10.0.3.17:5000"}')).toEqual(['daemon-json-no-list']);
  expect(await ofJson('{"insecure-registries": ["10.0.3.17:5000"]}')).toEqual(['daemon-json-not-read']);
  expect(await ofJson('{"registry-mirrors": ["https://m.example"]}')).toEqual(['daemon-json-not-read']);
  expect(await ofJson('{"insecure-registries": ["10.0.3.17:5000"]}', 'stopped')).toEqual([]);
  // It is the same network.
  expect(await ofJson('{"insecure-registries": ["10.0.3.17/24"]}', { insecure: ['10.0.3.0/24'] })).toEqual(
    [],
  );
  expect(await ofJson('{"insecure-registries": ["10.0.3.17/24"]}')).toEqual(['daemon-json-not-read']);
});

test('entries without a port, with a scheme, and whole networks', async () => {
  const known = [asked('10.0.3.17:5000')];
  const of = (entry: string) =>
    ofJson(
      JSON.stringify({ 'insecure-registries': [entry] }),
      { insecure: [entry.replace(/^https?:\/\//, '')] },
      known,
    );
  expect(await of('10.0.3.17')).toEqual(['insecure-without-port']);
  expect(await of('http://10.0.3.17:5000')).toEqual(['insecure-scheme']);
  expect(await of('0.0.0.0/0')).toEqual(['insecure-network']);
  expect(await of('10.0.0.0/8')).toEqual(['insecure-network']);
  expect(await of('10.0.3.0/24')).toEqual([]);
  // Of another registry nothing is known.
  expect(await of('hub.example')).toEqual([]);
});

test('a mirror without a scheme', async () => {
  expect(await ofJson('{"registry-mirrors": ["m.example"]}', { mirrors: ['m.example'] })).toEqual([
    'mirror-address',
  ]);
});

test('entries that hide the CAs of a registry', async () => {
  const hidden = async (insecure: string[]) => {
    const machine = testMachine();
    withDocker(machine, { insecure });
    machine.put(
      '/etc/docker/certs.d/10.0.3.17:5000/ca.crt',
      makeSelfSigned({ names: ['x'], days: 9, keyPem: newKey() }),
    );
    return codes(doctorInput(machine.host), entries);
  };
  expect(await hidden(['10.0.3.17:5000'])).toEqual(['insecure-hides-certs']);
  expect(await hidden(['10.0.0.0/8'])).toEqual(['insecure-hides-certs']);
  expect(await hidden(['10.0.3.17:5001', '192.168.0.0/16'])).toEqual([]);
});

/** The codes of files that start dockerd. */
async function ofFlags(files: Record<string, string>, said: Said = {}, json = '{}') {
  const machine = testMachine();
  withDocker(machine, said);
  machine.says['systemctl show docker'] = {
    stdout: 'FragmentPath=/lib/systemd/system/docker.service\nDropInPaths=\n',
  };
  for (const [path, text] of Object.entries(files)) machine.put(path, text);
  machine.put(CONFIG, json);
  return codes(doctorInput(machine.host), flags);
}
const unit = (line: string) => ({
  '/lib/systemd/system/docker.service': `[Service]\nExecStart=/usr/bin/dockerd -H fd:// ${line}\n`,
});

test('flags in a file that the unit of systemd does not read', async () => {
  const file = { '/etc/default/docker': 'DOCKER_OPTS="--insecure-registry=192.168.199.100:5000"\n' };
  expect(await ofFlags({ ...unit(''), ...file })).toEqual(['flag-not-read']);
  const sysconfig = {
    '/etc/sysconfig/docker': "OPTIONS='--selinux-enabled --insecure-registry 192.168.211.15:5000'\n",
  };
  expect(await ofFlags({ ...unit(''), ...sysconfig })).toEqual(['flag-not-read']);
  // It counts in another way.
  expect(await ofFlags({ ...unit(''), ...sysconfig }, { insecure: ['192.168.211.15:5000'] })).toEqual([]);
});

test('a misspelt flag, and one that is in daemon.json as well', async () => {
  expect(await ofFlags(unit('--insecure-registries=10.0.3.17:5000'))).toEqual(['flag-misspelt']);
  const good = unit('--insecure-registry=10.0.3.17:5000');
  expect(await ofFlags(good, { insecure: ['10.0.3.17:5000'] })).toEqual([]);
  expect(await ofFlags(good, {}, '{"insecure-registries": []}')).toEqual(['flag-conflict']);
});

const key = newKey();
const ca = makeSelfSigned({ names: ['10.0.3.17'], days: 30, keyPem: key });

async function ofCerts(files: Record<string, string>, said: Said = {}, registries: Asked[] = []) {
  const machine = testMachine();
  withDocker(machine, said);
  for (const [name, text] of Object.entries(files)) machine.put(`/etc/docker/certs.d/${name}`, text);
  return codes(doctorInput(machine.host, { registries }), certsD);
}

test('CAs where Docker looks for them have no trouble', async () => {
  const files = { '10.0.3.17:5000/ca.crt': ca, '10.0.3.17:5000/ca-2.crt': ca, 'hub.example/ca.crt': ca };
  expect(await ofCerts(files, {}, [asked('10.0.3.17:5000')])).toEqual([]);
});

test('a CA with the wrong ending, and one that is none', async () => {
  expect(await ofCerts({ '10.0.3.17:5000/server-crt.pem': ca })).toEqual(['certs-ending']);
  expect(await ofCerts({ '10.0.3.17:5000/ca.crt': '<html>' })).toEqual(['certs-unreadable']);
  const machine = testMachine();
  withDocker(machine, { store: true });
  machine.put('/etc/docker/certs.d/10.0.3.17:5000/ca.crt', '<html>');
  expect(await certsD.look(doctorInput(machine.host))).toMatchObject([{ severity: 'broken' }]);
});

test('a key or a certificate alone, and the pair of the server', async () => {
  const site = makeSite({
    names: ['10.0.3.17'],
    days: 9,
    keyPem: key,
    issuer: { certPem: ca, keyPem: key } as never,
  });
  expect(await ofCerts({ '10.0.3.17:5000/ca.crt': ca, '10.0.3.17:5000/reg.key': key })).toEqual([
    'certs-key',
  ]);
  expect(await ofCerts({ '10.0.3.17:5000/ca.crt': ca, '10.0.3.17:5000/reg.cert': ca })).toEqual([
    'certs-pair',
  ]);
  expect(await ofCerts({ '10.0.3.17:5000/reg.cert': site, '10.0.3.17:5000/reg.key': key })).toEqual([
    'certs-server-key',
  ]);
});

test('what is wrong with the directory of a registry that nobody asks about breaks nothing', async () => {
  const severities = async (files: Record<string, string>) => {
    const machine = testMachine();
    withDocker(machine, { store: true });
    for (const [name, text] of Object.entries(files)) machine.put(`/etc/docker/certs.d/${name}`, text);
    const input = doctorInput(machine.host, { registries: [asked('10.0.3.17:5000')] });
    return (await certsD.look(input)).map(({ code, severity }) => `${code} ${severity}`);
  };
  const faults = (name: string) => [
    { [`${name}/x.pem`]: ca },
    { [`${name}/ca.crt`]: '<html>' },
    { [`${name}/reg.key`]: key },
    { [`${name}/reg.cert`]: ca },
    { [`https:/${name}/ca.crt`]: ca },
  ];
  const CODES = ['certs-ending', 'certs-unreadable', 'certs-key', 'certs-pair', 'certs-name'];
  for (const [name, severity] of [
    ['10.0.3.17:5000', 'broken'],
    ['gone.example:5000', 'risk'],
  ] as const)
    expect((await Promise.all(faults(name).map(severities))).flat()).toEqual(
      CODES.map((code) => `${code} ${severity}`),
    );
});

test('directories that no program looks for', async () => {
  expect(await ofCerts({ 'https:/10.0.3.17:5000/ca.crt': ca })).toEqual(['certs-name']);
  expect(await ofCerts({ 'ca.crt': ca })).toEqual(['certs-name']);
});

test('a directory without the port is that of the registry if its CA is in it', async () => {
  const own =
    Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4')?.address ?? '127.0.0.1';
  const cert = makeSelfSigned({ names: [own], days: 30, keyPem: key });
  const server = secure({ key, cert }, (_, reply) => void reply.end('{}'));
  onTestFinished(() => void server.close());
  await new Promise<void>((done) => server.listen(0, own, done));
  const registry = asked(`${own}:${(server.address() as { port: number }).port}`);
  const other = makeSelfSigned({ names: ['y'], days: 9, keyPem: newKey() });
  expect(await ofCerts({ [`${own}/ca.crt`]: cert }, {}, [registry])).toEqual(['certs-name']);
  expect(await ofCerts({ [`${own}/ca.pem`]: cert }, {}, [registry])).toEqual(['certs-name', 'certs-ending']);
  expect(await ofCerts({ [`${own}/ca.crt`]: other }, {}, [registry])).toEqual([]);
  expect(
    await ofCerts({ [`${own}/ca.crt`]: cert, [`${registry.address}/ca.crt`]: cert }, {}, [registry]),
  ).toEqual([]);
});

async function ofPodman(files: Record<string, string>) {
  const machine = testMachine();
  machine.install('podman');
  machine.says['podman info'] = { stdout: '{}' };
  for (const [path, text] of Object.entries(files)) machine.put(path, text);
  return codes(doctorInput(machine.host), podmanFiles);
}

test('registries.conf in the old format, in both, and with a scheme', async () => {
  const path = '/etc/containers/registries.conf';
  const old = "[registries.insecure]\nregistries = ['192.168.6.131:5000']\n";
  const now = '[[registry]]\nlocation = "192.168.6.131:5000"\ninsecure = true\n';
  expect(await ofPodman({ [path]: now })).toEqual([]);
  expect(await ofPodman({ [path]: old })).toEqual(['registries-conf-format']);
  expect(await ofPodman({ [path]: old + now })).toEqual(['registries-conf-format']);
  expect(await ofPodman({ [path]: now.replace('"1', '"http://1') })).toEqual(['registries-conf-scheme']);
});

test('a registries.conf of the user that hides those of the machine', async () => {
  const own = { '/root/.config/containers/registries.conf': '' };
  const made = { '/etc/containers/registries.conf.d/50-registry-setup-x.conf': '' };
  expect(await ofPodman({ ...own, ...made })).toEqual(['registries-conf-hidden']);
  expect(await ofPodman(own)).toEqual([]);
});

test('containerd that does not read its directory', async () => {
  const look = async (config: string, programs: string[]) => {
    const machine = testMachine();
    machine.install('containerd', ...programs);
    machine.put('/etc/containerd/certs.d/10.0.3.17:5000/hosts.toml', '');
    machine.put('/etc/containerd/config.toml', config);
    return codes(doctorInput(machine.host), containerdFiles);
  };
  expect(await look('version = 2\n', ['crictl'])).toEqual(['containerd-config-path']);
  expect(await look('version = 2\n', [])).toEqual([]);
  expect(await look('  config_path = "/etc/containerd/certs.d"\n', ['crictl'])).toEqual([]);
});
