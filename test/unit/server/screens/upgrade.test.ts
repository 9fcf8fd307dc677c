// What the person is told of an upgrade: only what is true of this registry.
import { expect, test } from 'vitest';
import { newsOfThree, newsOfTwo, schemaOneLines, wayBack } from '../../../../src/server/screens/upgrade.ts';

const plain = {
  settings: { auth: 'htpasswd' as const, name: 'registry', engine: 'docker' as const },
  config: { storage: { filesystem: {} }, http: { tls: { minimumtls: 'tls1.2' } } },
  variables: ['PATH', 'OTEL_TRACES_EXPORTER'],
};

test('of a registry that nobody touched, only what is true of every one', () => {
  expect(newsOfThree(plain)).toEqual([expect.stringContaining('Accept header')]);
});

test.each([
  ['redis', { config: { redis: { addr: 'cache:6379' } } }, 'redis.addrs'],
  ['TLS', { config: { http: { tls: { minimumtls: 'tls1.0' } } } }, 'tls1.2 and tls1.3'],
  ['schema 1', { config: { compatibility: { schema1: { enabled: true } } } }, 'schema 1'],
  ['a variable', { variables: ['REGISTRY_LOG_LEVEL'] }, 'REGISTRY_LOG_LEVEL'],
  ['tokens', { settings: { ...plain.settings, auth: 'token' as const } }, 'stay valid'],
])('%s', (_, more, words) => {
  const news = newsOfThree({ ...plain, ...more });
  expect(news).toHaveLength(2);
  expect(news[1]).toContain(words);
});

test('on the way back tokens end', () => {
  expect(newsOfTwo({ auth: 'htpasswd' })).toEqual([]);
  expect(newsOfTwo({ auth: 'token' })).toHaveLength(1);
});

test('twenty images of schema 1 by name, and how many more', () => {
  expect(schemaOneLines([])).toEqual([]);
  const lines = schemaOneLines(Array.from({ length: 25 }, (_, i) => `app:${i}`));
  expect(lines[0]).toContain('25 images');
  expect(lines.filter((line) => line.startsWith('  app:'))).toHaveLength(20);
  expect(lines.at(-1)).toContain('5 more');
});

test('the way back', () => {
  expect(wayBack({ registry: { image: 'registry:2' } })).toBe('registry-setup upgrade --image registry:2');
  expect(wayBack({ registry: { image: 'a:1' }, auth: { image: 'b:1' } })).toBe(
    'registry-setup upgrade --image a:1 --auth-image b:1',
  );
});
