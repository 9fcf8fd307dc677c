// What is explained, and how it is shown. What each program says is in words/.
import { describe, expect, test } from 'vitest';
import { explain } from '../../../src/doctor/explain/explain.ts';
import type { OwnRegistry } from '../../../src/doctor/explain/message.ts';

const OWN: OwnRegistry = {
  address: '10.0.3.17:5000',
  tls: true,
  names: ['10.0.3.17', '172.17.0.1', 'localhost'],
  ports: [5000],
  dir: undefined,
  log: 'docker logs registry',
};
const codes = (text: string) => explain(text, undefined).map(({ code }) => code);

const UNKNOWN =
  'Error response from daemon: Get "https://10.9.9.9:6002/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority';
const NO_SAN = (ip: string) =>
  `Get "https://${ip}:5000/v2/": x509: cannot validate certificate for ${ip} because it doesn't contain any IP SANs`;
const PLAIN = 'Get "https://10.9.9.9:5000/v2/": http: server gave HTTP response to HTTPS client';
const REFUSED = 'Get "https://10.9.9.9:7999/v2/": dial tcp 10.9.9.9:7999: connect: connection refused';

describe('the advice', () => {
  test('names the registry of the message', () => {
    expect(explain(UNKNOWN, undefined)[0]?.mend[0]).toBe(
      'registry-setup --client --host 10.9.9.9 --port 6002',
    );
  });

  test('is a command on the server of the registry, and says where to run it elsewhere', () => {
    expect(explain(NO_SAN('172.17.0.1'), OWN)[0]?.mend[0]).toContain(
      ': registry-setup --yes --san 172.17.0.1',
    );
    expect(explain(NO_SAN('172.17.0.1'), undefined)[0]?.mend[0]).toMatch(/\(on the server\)$/);
  });

  test('of another registry is not a command for the one that is here', () => {
    const port = 'Get "https://10.0.3.17:6000/v2/": x509: certificate has expired';
    expect(explain(port, OWN)[0]?.mend[0]).toMatch(/\(on the server\)$/);
    expect(explain(NO_SAN('10.9.9.9'), OWN)[0]?.mend[0]).toMatch(/\(on the server\)$/);
  });

  test('names the registry of the lines before, or the one that this machine uses', () => {
    const screen =
      'The push refers to repository [10.9.9.9:5000/team/app]\nunauthorized: authentication required';
    expect(explain(screen, OWN)[0]?.mend[0]).toBe('docker login 10.9.9.9:5000');
    expect(explain('unauthorized: authentication required', OWN)[0]?.mend[0]).toBe(
      'docker login 10.0.3.17:5000',
    );
  });

  test('of a line of a log does not name the registry of the line before', () => {
    const log = `2026-11-27T21:00:00Z ${REFUSED}\n2026-11-27T21:00:01Z unauthorized: authentication required`;
    expect(explain(log, OWN)[1]?.mend[0]).toBe('docker login 10.0.3.17:5000');
  });

  test('quotes what a shell would act on', () => {
    const [found] = explain(`x509: certificate is valid for a, not $(reboot)`, OWN);
    expect(found?.mend[0]).toContain(`'$(reboot)'`);
  });

  test('leads to the directory that the user named', () => {
    expect(explain('no space left on device', { ...OWN, dir: '/srv/r' })[0]?.mend[1]).toContain(
      '--dir /srv/r',
    );
  });
});

test('several lines: each meaning once, in their order, with how often', () => {
  const text = [PLAIN, 'nothing', REFUSED, PLAIN].join('\r\n');
  expect(explain(text, undefined).map(({ code, times }) => [code, times])).toEqual([
    ['http-to-https', 2],
    ['refused', 1],
  ]);
});

test('what only follows from a cause is told after it', () => {
  const text = 'Job for docker.service failed because\nunknown flag: --insecure-registries, dockerd';
  expect(codes(text)).toEqual(['unknown-flag', 'docker-job']);
});

test.each([
  ['a terminal, between any two characters', 'Error: http: server gave HTTP resp\nonse to HTTPS client'],
  ['a mail, between words', '> Error: http: server gave HTTP\n> response to HTTPS client'],
  ['colours', 'http: \u001b[31mserver gave\u001b[0m HTTP response to HTTPS client'],
])('a message is known when it is broken by %s', (_, text) => {
  expect(codes(text)).toEqual(['http-to-https']);
});

test('a text that says nothing known gives nothing', () => {
  expect(codes('hello\n\n  everything is fine\n')).toEqual([]);
});

test('of a long line its beginning is shown, and what it says', () => {
  const [found] = explain(
    `time="2026-11-27" ${'x'.repeat(900)} no basic auth credentials ${'y'.repeat(900)}`,
    undefined,
  );
  expect(found?.line).toMatch(/^time="2026-11-27" .* … .*no basic auth credentials/);
  expect(found?.line.length).toBeLessThan(310);
});

test('what a terminal would act on is shown', () => {
  const [found] = explain('\u001b]0;x\u0007\u009b31m no basic auth credentials \u202e', undefined);
  expect(found?.line).toContain('no basic auth');
  expect(found?.line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test('what a message says is shown in the cause and the advice, and a terminal does not act on it', () => {
  const [found] = explain('x509: certificate is valid for a, not b\u001b]0;x\u0007c', undefined);
  expect(found?.cause).toContain('b\\u001b');
  expect([found?.cause, ...(found?.mend ?? [])].join('')).not.toMatch(/\p{Cc}/u);
});

test.each([
  'https://ann:geheim@h:1/',
  'https://ann:ge@heim@h:1/',
  'Authorization: Basic geheim',
  'Authorization: Bearer eyJhbGciOi.geheim.geheim',
  '"X-Registry-Auth": "geheim"',
  'docker login -u ann -p geheim h:5000',
  'docker login -u ann -pgeheim h:5000',
  '--password geheim',
  '--password=geheim',
  'curl -k -u "ann:geheim" https://h:5000',
  'htpasswd -Bbn ann geheim',
  'REGISTRY_PASSWORD=geheim',
  '"auth": "geheim"',
  'password=geheim user=docker',
  'ann:$2y$05$geheimgeheimgeheimgeheim',
])('no secret is shown again: %s', (secret) => {
  const found = explain(`no basic auth credentials ${secret}`, undefined);
  expect(found).toHaveLength(1);
  expect(JSON.stringify(found)).not.toMatch(/geheim|heim@/);
});

test('a secret in a message is not in the advice either', () => {
  for (const text of [
    'Get "https://ann:geheim@h:5000/v2/": dial tcp: lookup h: no such host',
    'tag does not exist: https://ann:geheim@h:5000/a',
    'pull access denied for https://ann:geheim@h.example/a, repository does not exist',
  ]) {
    expect(explain(text, undefined)).toHaveLength(1);
    expect(JSON.stringify(explain(text, undefined))).not.toContain('geheim');
  }
});

test.each([
  ['one long line', 'a'.repeat(1_000_000)],
  ['slashes', '/'.repeat(1_000_000)],
  ['digits and colons', '1:'.repeat(500_000)],
  ['the beginning of a message, again and again', 'certificate is valid for '.repeat(40_000)],
  ['many lines', 'dial tcp '.repeat(20).concat('\n').repeat(5_000)],
  ['many lines that say nothing', 'a: b/c '.repeat(28).concat('\n').repeat(5_000)],
  ['requests that do not end', 'Put https://a/blobs/uploads/'.repeat(70).concat('\n').repeat(500)],
  [
    'secrets that do not end',
    'no basic auth credentials Basic login -p x:y@ '.repeat(40).concat('\n').repeat(500),
  ],
])('a megabyte of %s comes to an end', { timeout: 30_000 }, (_, text) => {
  expect(explain(text, OWN).length).toBeLessThan(5);
});
