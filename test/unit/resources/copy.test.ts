import { describe, expect, test } from 'vitest';
import { copy } from '../../../src/resources/copy.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases } from '../../helpers/provider-cases.ts';

const path = '/opt/registry/program/node';
const from = '/var/tmp/x/node';
const resource: ResourceOf<'copy'> = { kind: 'copy', path, from, mode: 0o755 };

describe('a program that is kept', () => {
  fiveCases(copy, resource, [
    {
      name: 'none',
      prepare: (host) => {
        host.put(from, 'ELF', 0o700);
        host.put('/opt/registry/program/.keep', '');
      },
      takes: 'create',
    },
    {
      name: 'another one',
      prepare: (host) => {
        host.put(from, 'ELF', 0o700);
        host.put(path, 'an older ELF', 0o755);
      },
      takes: 'change',
    },
    {
      name: 'the same',
      prepare: (host) => {
        host.put(from, 'ELF', 0o700);
        host.put(path, 'ELF', 0o755);
      },
      takes: undefined,
    },
  ]);

  test('an existing copy is enough if its source is gone', async () => {
    const host = fakeHost();
    host.put(path, 'ELF', 0o755);
    expect(await copy.check(resource, host)).toBeUndefined();
  });
});
