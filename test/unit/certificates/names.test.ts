// The names of a certificate: all addresses of the machine go in, and none that comes or goes is a reason for a new one.
import { expect, test } from 'vitest';
import { fits, inOrder, lacking, siteNames } from '../../../src/certificates/names.ts';
import { makeKey, makeSelfSigned } from '../../../src/certificates/pki.ts';
import { ownAddresses } from '../../../src/host/addresses.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

const at = (name: string, address: string, family: 4 | 6 = 4) => ({ interface: name, address, family });

test('lists the addresses that clients can reach: no container networks, no temporary addresses', async () => {
  const host = fakeHost();
  const stable = '2001:db8::17';
  const temporary = '2001:db8::a4:1';
  host.machine.addresses = [
    at('docker0', '172.17.0.1'),
    at('br-0123456789ab', '172.18.0.1'),
    at('vethab12', '10.1.0.1'),
    at('podman0', '10.88.0.1'),
    at('cni0', '10.42.0.1'),
    at('flannel.1', '10.42.0.0'),
    at('virbr0', '192.168.122.1'),
    at('lxcbr0', '10.0.3.1'),
    at('br-lan', '192.168.1.1'),
    at('eth0', '10.0.0.1'),
    at('eth0', stable, 6),
    at('eth0', temporary, 6),
    at('eth1', 'fd00::1', 6),
  ];
  const hex = (address: string) =>
    address === stable ? '20010db8000000000000000000000017' : '20010db8000000000000000000a40001';
  host.put(
    '/proc/net/if_inet6',
    `${hex(stable)} 02 40 00 80     eth0\n${hex(temporary)} 02 40 00 01     eth0\n`,
  );
  host.put('/proc/net/route', 'Iface\tDestination\tGateway\neth0\t00000000\t0100000A\n');
  expect((await ownAddresses(host)).map(({ address }) => address)).toEqual([
    '10.0.0.1',
    stable,
    '192.168.1.1',
    'fd00::1',
  ]);
});

test('without IPv4, the address of the IPv6 default route comes first', async () => {
  const host = fakeHost();
  host.machine.addresses = [at('eth0', 'fd00::1', 6), at('eth1', 'fd01::1', 6)];
  const zeros = '0'.repeat(32);
  host.put(
    '/proc/net/ipv6_route',
    `${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo\n${zeros} 00 ${zeros} 00 fd010000000000000000000000000001 00000400 00000001 00000000 00000003     eth1\n`,
  );
  expect((await ownAddresses(host)).map(({ address }) => address)).toEqual(['fd01::1', 'fd00::1']);
});

const NOW = new Date('2026-11-21T12:00:00Z');
const keyPem = await makeKey('rsa', 2048);
const names = (line: { host?: string; san?: string[]; hostname?: string; addresses?: string[] }) =>
  siteNames(
    { host: line.host ?? 'reg.example', san: line.san ?? [] },
    line.hostname ?? 'srv',
    line.addresses ?? ['10.0.0.1', 'fd00::1'],
  );
type Line = Parameters<typeof names>[0];

test('required names come first, then every other address of this machine', () => {
  expect(inOrder(names({ host: '[FD00::1]', san: ['10.0.0.9'] }))).toEqual([
    'FD00::1',
    '10.0.0.9',
    'srv',
    'localhost',
    '127.0.0.1',
    '::1',
    '10.0.0.1',
  ]);
});

test.each<[string, Line, Line, boolean]>([
  ['the same', {}, {}, true],
  ['an address came', {}, { addresses: ['10.0.0.1', 'fd00::1', '10.7.7.7'] }, true],
  ['an address went', {}, { addresses: ['10.0.0.1'] }, true],
  ['all of them are others', {}, { addresses: ['192.168.0.4'] }, true],
  ['a --san came that is among the addresses', {}, { san: ['10.0.0.1'] }, true],
  ['a --san came', {}, { san: ['b.example'] }, false],
  ['a --san with an address came', {}, { san: ['10.7.7.7'] }, false],
  ['a --san went', { san: ['b.example'] }, {}, false],
  ['a --san with an address went', { san: ['10.7.7.7'] }, {}, false],
  ['a --san went that is an address of the machine', { san: ['10.0.0.1'] }, {}, true],
  ['another host', {}, { host: 'other.example' }, false],
  ['another host, which is among the addresses', { host: '10.0.0.1' }, { host: '[fd00::1]' }, true],
  ['the former host was no address of this machine', { host: '10.7.7.7' }, { host: '10.0.0.1' }, false],
  ['another name of the machine', {}, { hostname: 'srv2' }, false],
  ['made before addresses went in', { addresses: [] }, {}, true],
])('%s: kept %#', (_, before, now, kept) => {
  const cert = makeSelfSigned({ names: inOrder(names(before)), days: 397, keyPem, now: NOW });
  expect(fits(cert, names(now), 397, undefined, NOW)).toBe(kept);
});

test('lists the names that a certificate lacks', () => {
  const cert = makeSelfSigned({ names: inOrder(names({})), days: 397, keyPem, now: NOW });
  expect(lacking(cert, names({}))).toEqual([]);
  expect(lacking(cert, names({ addresses: ['10.0.0.1', '10.7.7.7', '2001:db8:0::7'] }))).toEqual([
    '10.7.7.7',
    '2001:db8::7',
  ]);
});
