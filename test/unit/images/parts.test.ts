// Indexes that somebody made to keep a client busy.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type Reader, readerOf } from '../../../src/images/contents.ts';
import { takeStock } from '../../../src/images/inventory.ts';
import { listLines } from '../../../src/images/screens.ts';
import { digest } from '../../../src/registry/api.ts';
import { openSession } from '../../../src/registry/session.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const indexOf = (digests: string[]) =>
  JSON.stringify({ schemaVersion: 2, manifests: digests.map((one) => ({ digest: one, size: 1 })) });

/** @param manifestOf returns the manifest of a tag or a digest */
async function readFrom(manifestOf: (reference: string) => string | undefined): Promise<Reader> {
  const server = createServer((request, response) => {
    const found = manifestOf(request.url?.split('/').at(-1) ?? '');
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': INDEX }).end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const at = { tls: false, host: '127.0.0.1', port };
  const session = openSession(at, 'registry.test:5000', { kind: 'login', credentials: undefined }, undefined);
  onTestFinished(async () => {
    session.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return readerOf(session);
}

async function familyOf(reader: Reader): Promise<string[]> {
  const top = await reader.manifest('app', 'latest');
  if (!top) throw new Error('no manifest');
  return (await reader.family('app', top)).map((one) => one.digest);
}

test('indexes that name the next one a thousand times are read once each', async () => {
  const all = new Map<string, string>();
  let top = '{"schemaVersion":2}';
  for (let i = 0; i < 5; i++) {
    all.set(digest(top), top);
    top = indexOf(Array(1_000).fill(digest(top)));
  }
  const reader = await readFrom((reference) => (reference === 'latest' ? top : all.get(reference)));
  expect(await familyOf(reader)).toEqual([digest(top), ...[...all.keys()].reverse()]);
});

test('an index cannot be its own part, by no algorithm', async () => {
  const itself = `sha512:${'d'.repeat(128)}`;
  const text = indexOf([itself]);
  await expect(familyOf(await readFrom(() => text))).rejects.toThrow('sends other bytes');
});

test('an image of more parts than anybody has is refused', async () => {
  const text = indexOf(Array.from({ length: 100_001 }, (_, i) => `sha256:${String(i).padStart(64, '0')}`));
  await expect(familyOf(await readFrom((one) => (one === 'latest' ? text : undefined)))).rejects.toThrow(
    'more than 100000 parts',
  );
});

test('it stands in a list beside the others, without its size', async () => {
  const many = Array.from({ length: 100_001 }, (_, i) => digest(String(i)));
  const all: Record<string, string> = {
    'list?n=1000': '{"tags":["huge","small"]}',
    huge: indexOf(many),
    small: '{"schemaVersion":2}',
  };
  const reader = await readFrom((reference) => all[reference]);
  const stock = await takeStock(reader, ['app']);
  expect(stock.repositories[0]?.tags.map((one) => one.description?.size)).toEqual([undefined, 19]);
  expect(listLines(stock, false, new Date()).join('\n')).toMatch(/huge +[0-9a-f]{12} +- +too many parts/);
});
