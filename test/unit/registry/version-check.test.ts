import { expect, test } from 'vitest';
import type { Reply } from '../../../src/registry/http.ts';
import { isOpen, isRegistry, schemeOf } from '../../../src/registry/version-check.ts';

const reply = (status: number, headers: Reply['headers'] = {}, body = ''): Reply => ({
  status,
  headers,
  body: Buffer.from(body),
});
const MARK = { 'docker-distribution-api-version': 'registry/2.0' };

test('a web page is no registry, and a registry without its mark is one by its empty object', () => {
  expect(isOpen(reply(200, {}, '<html></html>'))).toBe(false);
  expect(isOpen(reply(200, {}, '{}'))).toBe(true);
  expect(isOpen(reply(200, MARK, '<html></html>'))).toBe(true);
  expect(isRegistry(reply(404, MARK))).toBe(false);
});

test('a login may be asked for by something in front, in letters of any case', () => {
  const asks = (challenge: string) => reply(401, { 'www-authenticate': challenge });
  expect(schemeOf(asks('bEARER realm="https://hub/auth"'))).toBe('bearer');
  expect(schemeOf(asks('Basic realm="hub"'))).toBe('basic');
  expect(schemeOf(reply(200, { 'www-authenticate': 'Basic realm="hub"' }))).toBeUndefined();
  expect(isRegistry(asks('Basic realm="hub"'))).toBe(true);
  expect(isRegistry(asks('Negotiate'))).toBe(false);
  expect(isRegistry(reply(401, MARK))).toBe(true);
});
