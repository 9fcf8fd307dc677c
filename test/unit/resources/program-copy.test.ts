import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/host/sha256.ts';
import { type Removal, removal } from '../../../src/reconcile/removal.ts';
import { perform } from '../../../src/reconcile/undo.ts';
import { program } from '../../../src/resources/program-copy.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const [path, from] = ['/opt/program', '/usr/lib/program'];
const texts = { 'package.json': '{}', 'dist/cli.js': 'code', 'templates/config.yml': 'a: 1' };
const files = Object.fromEntries(
  Object.entries(texts).map(([name, text]) => [name, sha256(Buffer.from(text))]),
);
const resource: ResourceOf<'program'> = { kind: 'program', path, from, files };

/** A machine with the program that is copied. */
const machine = () => withProgram(fakeHost());
function withProgram(host: FakeHost): FakeHost {
  for (const [name, text] of Object.entries(texts)) host.put(`${from}/${name}`, text);
  return host;
}

describe('a copy of this program', () => {
  fiveCases(program, resource, [
    { name: 'none', prepare: (host) => void withProgram(host), takes: 'create' },
  ]);

  test('a complete copy is not written again, an incomplete one is completed', async () => {
    const host = machine();
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

  test('a program that lacks a file is not copied: the timer would find half of it', async () => {
    const host = machine();
    await host.remove(`${from}/dist/cli.js`);
    await expect(program.apply(resource, host)).rejects.toThrow(`${from}/dist/cli.js is missing`);
  });

  test('a copy that runs plans itself: there is nothing to compare it with', async () => {
    const host = fakeHost();
    expect(await program.check({ ...resource, from: `${path}/` }, host)).toBeUndefined();
  });

  test('a removed copy is deleted when the run ends, and restored whole if the run fails', async () => {
    const host = machine();
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
