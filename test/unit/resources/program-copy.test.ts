import { describe, expect, test } from 'vitest';
import { type Removal, removal } from '../../../src/reconcile/removal.ts';
import { perform } from '../../../src/reconcile/undo.ts';
import { program } from '../../../src/resources/program-copy.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const path = '/opt/program';
const files = { 'package.json': '{}', 'dist/cli.js': 'code', 'templates/config.yml': 'a: 1' };
const resource: ResourceOf<'program'> = { kind: 'program', path, files };

describe('a copy of this program', () => {
  fiveCases(program, resource, [{ name: 'none', prepare: () => {}, takes: 'create' }]);

  test('a complete copy is not written again, an incomplete one is completed', async () => {
    const host = fakeHost();
    await program.apply(resource, host);
    expect(await program.check(resource, host)).toBeUndefined();
    host.put(`${path}/dist/cli.js`, 'co');
    expect(await program.check(resource, host)).toMatchObject({ what: 'create' });
    const undo = await program.undo(resource, host, vaultOn(host));
    await program.apply(resource, host);
    expect(host.text(`${path}/dist/cli.js`)).toBe('code');
    await undoNow(undo, host);
    expect(host.text(`${path}/dist/cli.js`), 'the timer needs it, also when that run fails').toBe('code');
  });

  test('a removed copy is deleted when the run ends, and restored whole if the run fails', async () => {
    const host = fakeHost();
    const made = await program.undo(resource, host, vaultOn(host));
    await program.apply(resource, host);
    const before = host.snapshot();
    const going: Removal = { kind: 'removal', of: { kind: 'program', id: path }, undo: made };
    const undo = await removal.undo(going, host, vaultOn(host));
    await removal.apply(going, host);
    await removal.apply(going, host);
    expect(await host.stat(path)).toBeUndefined();
    await undoNow(undo, host);
    await undoNow(undo, host);
    expect(host.snapshot()).toEqual(before);

    await removal.apply(going, host);
    for (const step of undo.cleanup ?? []) await perform(step, host);
    expect(await host.list('/opt')).toEqual([]);
  });
});
