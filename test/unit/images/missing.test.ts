// What is said of an image that is not there.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missingImage } from '../../../src/images/missing.ts';
import { openSession } from '../../../src/registry/session.ts';
import { putImage } from '../../helpers/images.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';

test.skipIf(noRegistry)(
  'the nearest tag is named; a tag whose manifest is gone is no other tag',
  async () => {
    const { at, data } = await startRegistry();
    const session = openSession(at, 'registry.test', { kind: 'login', credentials: undefined }, undefined);
    const { digest } = await putImage(at, 'team/app', '1.0', { layers: ['a'] });
    const said = async (tag: string) => {
      const { message, fix } = await missingImage(session, { repository: 'team/app', tag });
      return [message, ...fix].join('\n');
    };
    expect(await said('1.1')).toMatch(/^team\/app has no tag 1\.1\.\nDid you mean team\/app:1\.0\?/);
    const hex = digest.replace('sha256:', '');
    rmSync(join(data, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex), { recursive: true });
    expect(await said('1.0')).toMatch(/^team\/app:1\.0 leads nowhere/);
  },
);
