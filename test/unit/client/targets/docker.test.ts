// What the Docker of a developer machine answers when it is asked.
import { expect, test } from 'vitest';
import { askDaemon } from '../../../../src/client/targets/docker.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

test.each([
  ['this user may not ask it', { code: 1, stderr: 'permission denied while trying to connect' }, 'forbidden'],
  ['it does not run', { code: 1, stderr: 'Cannot connect to the Docker daemon' }, 'absent'],
])('%s', async (_, result, answer) => {
  const host = fakeHost();
  host.commands['docker info'] = result;
  expect(await askDaemon(host, {})).toBe(answer);
});

test('a Docker that hangs is an error', async () => {
  const host = fakeHost();
  host.commands['docker info'] = { code: 124 };
  await expect(askDaemon(host, {})).rejects.toThrow('does not answer');
});
