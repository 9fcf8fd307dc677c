// Signatures go along with a copy: those that refer to the image, by a list under a tag or by the registry's own; and those of cosign.
import { createServer, request as send } from 'node:http';
import { describe, expect, test } from 'vitest';
import { attachedTo } from '../../../../src/images/transfer/attached.ts';
import { carryOutCopy, copyAttached, planCopy } from '../../../../src/images/transfer/copy.ts';
import { documentIn, type Place } from '../../../../src/images/transfer/whole.ts';
import type { Endpoint } from '../../../../src/registry/http.ts';
import { openSession } from '../../../../src/registry/session.ts';
import { type Descriptor, putImage, putIndex } from '../../../helpers/images.ts';
import { listening } from '../../../helpers/listening.ts';
import { noRegistry, startRegistry } from '../../../helpers/registry-program.ts';

const place = (at: Endpoint, repository: string): Place => ({
  session: openSession(at, `registry.test:${at.port}`, { kind: 'login', credentials: undefined }, undefined),
  repository,
});
const listTag = ({ digest }: Descriptor) => digest.replace(':', '-');

/** A signature as cosign 3 and notation make it: a manifest with a subject. */
const sign = (at: Endpoint, repository: string, subject: Descriptor, by: string) =>
  putImage(at, repository, undefined, {
    layers: [`{"signed by":"${by}"}`],
    holds: 'application/vnd.dev.cosign.artifact.sig.v1+json',
    subject,
  });

/** Copies an image with what is attached to it. */
async function copied(source: Place, target: Place, tag = '1') {
  const top = await documentIn(source.session, source.repository, tag);
  if (!top) throw new Error('there is no image to copy');
  const plan = await planCopy(source, top, { ...target, tag });
  const attached = await attachedTo(source, plan.image);
  await carryOutCopy(plan);
  return copyAttached(plan, attached);
}

const has = async ({ session, repository }: Place, reference: string) =>
  (await documentIn(session, repository, reference))?.digest;
const listed = async ({ session, repository }: Place, subject: Descriptor) =>
  (await documentIn(session, repository, listTag(subject)))?.manifest.children.map(({ digest }) => digest);

/** A registry that lists referrers itself, as others do: here those that are given. */
async function withApi(at: Endpoint, referrers: Record<string, Descriptor[]>): Promise<Endpoint> {
  const port = await listening(
    createServer((request, reply) => {
      const [, of] = /\/referrers\/(.+)$/.exec(request.url ?? '') ?? [];
      if (of) {
        reply.end(JSON.stringify({ schemaVersion: 2, manifests: referrers[of] ?? [] }));
        return;
      }
      const { method, url: path, headers } = request;
      request.pipe(
        send({ host: '127.0.0.1', port: at.port, method, path, headers }, (answer) => {
          reply.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(reply);
        }),
      );
    }),
  );
  return { ...at, port };
}

describe.skipIf(noRegistry)('what is attached to an image', () => {
  test('goes along by the list under its tag, also to a part, and to a signature', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const part = await putImage(at, 'app', undefined, { layers: ['amd'] });
    const image = await putIndex(at, 'app', '1', [[part, 'amd64']]);
    const ofImage = await sign(at, 'app', image, 'ann');
    const ofPart = await sign(at, 'app', part, 'ann');
    const ofSignature = await sign(at, 'app', ofImage, 'bob');
    for (const [subject, signature] of [
      [image, ofImage],
      [part, ofPart],
      [ofImage, ofSignature],
    ] as const)
      await putIndex(at, 'app', listTag(subject), [[signature, '-']]);
    const [source, target] = [place(at, 'app'), place(other, 'mirror')];
    const { names } = await copied(source, target);
    expect(names).toHaveLength(3);
    for (const one of [ofImage, ofPart, ofSignature]) expect(await has(target, one.digest)).toBe(one.digest);
    expect(await listed(target, image)).toEqual([ofImage.digest]);
    expect(await listed(target, part)).toEqual([ofPart.digest]);
    // The image is there; a second signature is new, and one that was made in the target stays in its list.
    const own = await sign(other, 'mirror', image, 'carol');
    await putIndex(other, 'mirror', listTag(image), [
      [own, '-'],
      [ofImage, '-'],
    ]);
    const second = await sign(at, 'app', image, 'dave');
    await putIndex(at, 'app', listTag(image), [
      [ofImage, '-'],
      [second, '-'],
    ]);
    expect((await copied(source, target)).names).toHaveLength(1);
    expect(await listed(target, image)).toEqual([own, ofImage, second].map(({ digest }) => digest));
    expect((await copied(source, target)).names).toEqual([]);
  });

  test('of cosign goes along under its tags; one that the target has stays', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const image = await putImage(at, 'app', '1', { layers: ['app'] });
    const signature = await putImage(at, 'app', `${listTag(image)}.sig`, { layers: ['ann'] });
    await putImage(at, 'app', `${listTag(image)}.att`, { layers: ['built by'] });
    const theirs = await putImage(other, 'mirror', `${listTag(image)}.att`, { layers: ['theirs'] });
    const target = place(other, 'mirror');
    const { names, stay } = await copied(place(at, 'app'), target);
    expect(names).toEqual([`${listTag(image)}.sig`]);
    expect(stay).toEqual([`${listTag(image)}.att`]);
    expect(await has(target, `${listTag(image)}.sig`)).toBe(signature.digest);
    expect(await has(target, `${listTag(image)}.att`)).toBe(theirs.digest);
  });

  test('is found by the registry’s own list, and gets a tag where the target has none; no tag where it has', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const image = await putImage(at, 'app', '1', { layers: ['app'] });
    const signature = await sign(at, 'app', image, 'ann');
    const api = await withApi(at, { [image.digest]: [signature] });
    const target = place(other, 'mirror');
    await copied(place(api, 'app'), target);
    expect(await listed(target, image)).toEqual([signature.digest]);
    const listing = place(await withApi(other, {}), 'second');
    await copied(place(api, 'app'), listing);
    expect(await has(listing, signature.digest)).toBe(signature.digest);
    expect(await listed(listing, image)).toBeUndefined();
  });

  test('that is named and was removed is left out', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const image = await putImage(at, 'app', '1', { layers: ['app'] });
    const gone = { ...image, digest: `sha256:${'0'.repeat(64)}` };
    const api = await withApi(at, { [image.digest]: [gone] });
    expect((await copied(place(api, 'app'), place(other, 'mirror'))).names).toEqual([]);
  });
});
