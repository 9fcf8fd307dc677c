// What each program makes of these is tried with the programs themselves in test/e2e/engines/proxies.e2e.ts.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { PROXIES, proxyConfig } from '../../../src/export/proxy.ts';
import { readArguments } from '../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../src/settings/resolve.ts';
import { keepSections } from '../../../src/templates.ts';

function config(proxy: (typeof PROXIES)[number], line: string, ca = '/opt/registry/certs/ca.crt') {
  const result = resolveSettings(readArguments(line.split(' ')).answers, { dir: '/opt/registry' });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return proxyConfig(proxy, result.settings, ca);
}
const TOKEN = '--external-url https://reg.corp:8443 --auth token --port 6000 --auth-port 6001';
const LINES = [
  '--external-url https://reg.corp:8443 --port 6000',
  TOKEN,
  `${TOKEN} --tls self-signed`,
  '--external-url http://reg.corp:8443 --port 6000',
];

describe.each(PROXIES)('%s', (proxy) => {
  test.each(LINES)('%s: nothing of the stand-ins is left', (line) => {
    const text = config(proxy, line, '/srv/ca.crt');
    expect(text).not.toMatch(/hub\.example\.com|127\.0\.0\.1:500|\/opt\/registry|#[<>]|\b443\b|\b80\b/);
    expect(text).toContain('reg.corp');
    expect(text).toContain('127.0.0.1:6000');
    expect(text.includes('127.0.0.1:6001')).toBe(line.includes('token'));
    expect(text.includes('/srv/ca.crt')).toBe(line.includes('self-signed'));
    expect(text).toContain(`\`registry-setup export ${proxy}\``);
  });

  test('a registry on one address, and one on every address', () => {
    const url = '--external-url https://reg.corp';
    expect(config(proxy, `${url} --bind 10.0.3.17`)).toContain('10.0.3.17:5000');
    expect(config(proxy, `${url} --bind fd00::9`)).toContain('[fd00::9]:5000');
    expect(config(proxy, `${url} --bind ::`)).toContain('[::1]:5000');
  });
});

test('Traefik reads a document: a router and a service for each, and the CA of the registry', () => {
  const { http, tls } = parse(config('traefik', `${TOKEN} --tls ca-signed`));
  expect(Object.keys(http.routers)).toEqual(['registry-setup', 'registry-setup-auth']);
  expect(http.services['registry-setup-auth'].loadBalancer).toMatchObject({
    servers: [{ url: 'https://127.0.0.1:6001' }],
    serversTransport: 'registry-setup',
  });
  expect(http.serversTransports['registry-setup']).toEqual({
    serverName: 'reg.corp',
    rootCAs: ['/opt/registry/certs/ca.crt'],
  });
  expect(tls.certificates).toHaveLength(1);
  const plain = parse(config('traefik', '--external-url http://reg.corp:8443'));
  expect(plain.tls).toBeUndefined();
  expect(plain.http.routers['registry-setup'].entryPoints).toEqual(['web']);
});

test('a section may hold another one, and a name that nobody knows is a mistake', () => {
  const text = 'a\n#<x\nb\n  #<y\nc\n  #>\nd\n#>\ne';
  expect(keepSections(text, { x: true, y: false })).toBe('a\nb\nd\ne');
  expect(keepSections(text, { x: false, y: true })).toBe('a\ne');
  expect(() => keepSections(text, { x: true })).toThrow('no section y');
});
