// What a proof that was killed in the middle leaves in the registry's directory, and what must stay there.
import { expect, test } from 'vitest';
import { sweepLeftovers } from '../../../../src/server/checks/test-image.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

const ROOT = '/srv/images/docker/registry/v2';

test('a test image that was left goes with its bytes; images of people stay', async () => {
  const host = fakeHost();
  const put = (repository: string, hex: string) => {
    host.put(`${ROOT}/repositories/${repository}/_layers/sha256/${hex}/link`, `sha256:${hex}`);
    host.put(`${ROOT}/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, 'bytes');
  };
  put('team/app', 'ab01');
  put('registry-setup-check', 'ab02');
  const before = host.snapshot();
  put('registry-setup-check-0123456789ab', 'ab03');
  put('registry-setup-check-0123456789ab', 'cd04');
  await sweepLeftovers('/srv/images', host);
  expect(host.snapshot()).toEqual(before);
});

test('where there is no registry yet, nothing is made', async () => {
  const host = fakeHost();
  const before = host.snapshot();
  await sweepLeftovers('/srv/images', host);
  expect(host.snapshot()).toEqual(before);
});
