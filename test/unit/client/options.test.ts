// What a person wants of a developer machine, as they say it; and the files of each target.
import { describe, expect, test } from 'vitest';
import { parseFingerprint, readWish } from '../../../src/client/options.ts';
import { TARGETS, type Trust } from '../../../src/client/target.ts';
import { buildkitdToml } from '../../../src/client/targets/buildkit.ts';
import { hostsToml } from '../../../src/client/targets/containerd.ts';
import { registriesYaml } from '../../../src/client/targets/k3s.ts';
import { dropIn } from '../../../src/client/targets/podman.ts';
import { leftOut } from '../../../src/registry/no-proxy.ts';
import { clientLine } from '../../../src/server/screens/summary.ts';
import { nameOf, parseAddress } from '../../../src/settings/address.ts';
import type { Answers } from '../../../src/settings/answers.ts';
import { readArguments } from '../../../src/settings/arguments.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { readYaml } from '../../../src/templates.ts';

test.each([
  ['10.0.3.17', '10.0.3.17', 5000, undefined],
  ['10.0.3.17:5443', '10.0.3.17', 5443, undefined],
  ['https://reg.example:5000/', 'reg.example', 5000, 'https'],
  ['https://Reg.Example/v2/', 'reg.example', 443, 'https'],
  ['http://reg.example', 'reg.example', 80, 'http'],
  ['[fd00::7]:5000', '[fd00::7]', 5000, undefined],
  ['  reg.example. ', 'reg.example', 5000, undefined],
])('the address %s', (text, host, port, scheme) => {
  expect(parseAddress(text)).toEqual({ host, port, ...(scheme && { scheme }) });
});

test.each(['', 'a b', 'my_host', 'reg.example:0', 'reg.example:99999', 'fd00::7', 'ftp://x'])(
  'no address: "%s"',
  (text) => {
    expect(parseAddress(text)).toHaveProperty('message');
  },
);

test('on 443 the port is left out, but not where Docker Hub would be meant', () => {
  expect(nameOf({ host: 'reg.example', port: 443 })).toBe('reg.example');
  expect(nameOf({ host: 'reg', port: 443 })).toBe('reg:443');
  expect(nameOf({ host: 'reg', port: 5000 })).toBe('reg:5000');
});

test.each([
  ['insecure', 'reg.example', 5000, 'http'],
  ['insecure', '[fd00::7]', 80, 'http'],
  ['ca-signed', '10.0.3.17', 5000, undefined],
  ['ca-signed', 'reg.example', 443, undefined],
] as const)('the line of a server, %s at %s:%i, is read as it is meant', (tls, host, port, scheme) => {
  const line = clientLine(
    { tls, host, port, auth: 'htpasswd', users: ['admin'] } as unknown as Settings,
    undefined,
  );
  const { answers } = readArguments(line.replace('npx registry-setup ', '').split(' '));
  const request = readWish(answers, TARGETS);
  expect([request.host, request.port, request.scheme, request.user]).toEqual([host, port, scheme, 'admin']);
});

test.each([
  'ab'.repeat(32),
  'AB'.repeat(32),
  Array(32).fill('aB').join(':'),
  `sha256:${'ab'.repeat(32)}`,
  `sha256 Fingerprint=${Array(32).fill('AB').join(':')}`,
])('the fingerprint %s', (text) => expect(parseFingerprint(text)).toBe(Array(32).fill('AB').join(':')));

test.each(['', 'ab', 'ab'.repeat(31), 'ab'.repeat(33), 'zz'.repeat(32)])('no fingerprint: "%s"', (text) => {
  expect(parseFingerprint(text)).toBeUndefined();
});

test('every problem at once, each with its flag', () => {
  const given = {
    host: 'a_b',
    port: 0,
    'ca-fingerprint': '12',
    address: 'x',
    user: ['a', 'b'],
    target: ['dcoker'],
  };
  const answers = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, { value, where: `--${name}` }]),
  ) as Answers;
  expect(() => readWish(answers, TARGETS)).toThrow(
    /--host: .*--port: .*--user: .*--target: .*--ca-fingerprint: .*--address: /s,
  );
});

test('an --address for a public registry would go into the hosts file: refused', () => {
  const said = (host: string) => () =>
    readWish(
      { host: { value: host, where: '--host' }, address: { value: '10.0.3.17', where: '--address' } },
      TARGETS,
    );
  expect(said('docker.io')).toThrow(
    '--address: would lead every pull from docker.io on this machine to 10.0.3.17',
  );
  expect(said('mydocker.io')).not.toThrow();
});

describe('NO_PROXY, by the rules of Go', () => {
  test.each([
    ['10.0.3.17', '10.0.3.17', true],
    ['10.0.0.0/16', '10.0.3.17', true],
    ['10.1.0.0/16', '10.0.3.17', false],
    ['example', 'reg.example', true],
    ['.example', 'reg.example', true],
    ['*.example', 'reg.example', true],
    ['example', 'regexample', false],
    ['reg.example:5000', 'reg.example', true],
    ['reg.example:5001', 'reg.example', false],
    ['*', 'reg.example', true],
    ['', 'localhost', true],
    [' a , reg.example ', 'reg.example', true],
    ['', 'reg.example', false],
  ])('"%s" for %s: %s', (list, host, out) => expect(leftOut(list, host, 5000)).toBe(out));
});

const http = { kind: 'http' } as const;
const ca: Trust = { kind: 'roots', roots: [], known: false };

test('the drop-in of podman', () => {
  expect(dropIn('reg:5000', true, false)).toContain('[[registry]]\nlocation = "reg:5000"\ninsecure = true\n');
  expect(dropIn('reg:5000', false, true)).toContain(
    'location = "docker.io"\n[[registry.mirror]]\nlocation = "reg:5000"\n',
  );
});

test('hosts.toml of containerd', () => {
  expect(hostsToml('reg:5000', http, [])).toContain(
    'server = "http://reg:5000"\n\n[host."http://reg:5000"]\n',
  );
  expect(hostsToml('reg:5000', ca, ['/a/ca.crt'])).toContain('  ca = ["/a/ca.crt"]\n');
});

test('registries.yaml of k3s', () => {
  expect(readYaml(registriesYaml('reg:5000', ca, '/a/ca.crt'), 'x')).toEqual({
    mirrors: { 'reg:5000': { endpoint: ['https://reg:5000'] } },
    configs: { 'reg:5000': { tls: { ca_file: '/a/ca.crt' } } },
  });
});

test('buildkitd.toml', () => {
  expect(buildkitdToml('reg:5000', http, [])).toBe('[registry."reg:5000"]\n  http = true\n');
  expect(buildkitdToml('reg:5000', ca, ['/a', '/b'])).toBe('[registry."reg:5000"]\n  ca = ["/a", "/b"]\n');
});
