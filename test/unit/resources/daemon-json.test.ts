// One entry of daemon.json: every file of the corpus keeps its bytes, and has them back when it is undone.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDaemonJson } from '../../../src/dockerd/daemon-json.ts';
import { daemonJson } from '../../../src/resources/daemon-json.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { DAEMON, runDockerd } from '../../helpers/daemon.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const entry = '10.0.3.17:5000';
const { config } = DAEMON;
const resource: ResourceOf<'daemonJson'> = {
  kind: 'daemonJson',
  daemon: DAEMON,
  directive: 'insecure-registries',
  entry,
  present: true,
};
const folder = 'test/fixtures/daemon-json';
const corpus = readdirSync(folder);

/** A machine with that file, whose dockerd has read it. */
function machine(content?: string | Buffer, mode = 0o644): FakeHost {
  const host = fakeHost();
  host.put('/etc/docker/key.json', '');
  if (content !== undefined) host.put(config, content.toString('latin1' as never), mode);
  runDockerd(host);
  return host;
}

describe('an entry', () => {
  const start = (content?: string) => (host: FakeHost) => {
    host.put('/etc/docker/key.json', '');
    if (content !== undefined) host.put(config, content, 0o600);
    runDockerd(host);
  };
  fiveCases(daemonJson, resource, [
    { name: 'no file', prepare: start(), takes: 'create' },
    { name: 'an empty file', prepare: start(''), takes: 'change' },
    { name: 'a file of somebody', prepare: start('{ "debug": true }\n'), takes: 'change' },
    { name: 'other entries', prepare: start('{"insecure-registries":["a:1"]}'), takes: 'change' },
    { name: 'as wanted', prepare: start(`{"insecure-registries":["${entry}"]}`), takes: undefined },
  ]);
});

describe('an entry to be removed', () => {
  const start = (content?: string) => (host: FakeHost) => {
    host.put('/etc/docker/key.json', '');
    if (content !== undefined) host.put(config, content);
    runDockerd(host);
  };
  fiveCases(daemonJson, { ...resource, present: false }, [
    { name: 'among others', prepare: start(`{"insecure-registries":["${entry}","a:1"]}`), takes: 'change' },
    {
      name: 'the only one',
      prepare: start(`{\r\n\t"insecure-registries": ["${entry}"]\r\n}`),
      takes: 'change',
    },
    { name: 'no file', prepare: start(), takes: undefined },
  ]);
});

describe('the corpus', () => {
  test.each(corpus.filter((name) => name.startsWith('ok-')))(
    '%s: merged, and the same bytes after',
    async (name) => {
      const bytes = readFileSync(join(folder, name));
      const host = fakeHost();
      host.put('/etc/docker/key.json', '');
      await host.write(config, bytes, { mode: 0o640, uid: 3, gid: 4 });
      const daemon = runDockerd(host);
      const before = parseDaemonJson(bytes, config).value;
      const undo = await daemonJson.undo(resource, host, vaultOn(host));
      if (await daemonJson.check(resource, host)) await daemonJson.apply(resource, host);
      const { 'insecure-registries': list, ...others } = parseDaemonJson(
        await host.read(config),
        config,
      ).value;
      const { 'insecure-registries': had, ...same } = before;
      expect(others).toEqual(same);
      expect(list).toEqual(expect.arrayContaining([...((had as string[] | null) ?? []), entry]));
      expect(await host.stat(config)).toMatchObject({ mode: 0o640, uid: 3, gid: 4 });
      await undoNow(JSON.parse(JSON.stringify(undo)), host);
      expect(await host.read(config)).toEqual(bytes);
      expect(daemon.restarts).toBe(0);
    },
  );

  test.each(corpus.filter((name) => name.startsWith('bad-')))('%s: refused, untouched', async (name) => {
    const bytes = readFileSync(join(folder, name));
    const host = fakeHost();
    host.put('/etc/docker/key.json', '');
    await host.write(config, bytes, { mode: 0o644 });
    runDockerd(host);
    const before = host.snapshot();
    await expect(daemonJson.check(resource, host)).rejects.toThrow(`${config}, line `);
    expect(host.snapshot()).toEqual(before);
  });
});

describe('the way back', () => {
  test('of a file that somebody changed since removes only our entry, and dockerd forgets it', async () => {
    const host = machine('{\n  "debug": true\n}\n');
    const daemon = runDockerd(host);
    const undo = await daemonJson.undo(resource, host, vaultOn(host));
    await daemonJson.apply(resource, host);
    expect(daemon.insecure()).toEqual([entry]);
    host.put(config, host.text(config)?.replace('true', 'false') ?? '');
    await undoNow(undo, host);
    expect(host.text(config)).toBe('{\n  "debug": false\n}\n');
    expect(daemon.insecure()).toEqual([]);
  });

  test('of a file that was made here removes the file, also if another registry came and went', async () => {
    const host = machine();
    const daemon = runDockerd(host);
    const other = { ...resource, entry: 'b:2', made: true };
    const first = await daemonJson.undo(resource, host, vaultOn(host));
    await daemonJson.apply(resource, host);
    const second = await daemonJson.undo(other, host, vaultOn(host));
    await daemonJson.apply(other, host);
    await undoNow(first, host);
    expect(daemon.insecure()).toEqual(['b:2']);
    await undoNow(second, host);
    expect(host.text(config)).toBeUndefined();
    expect(daemon.insecure()).toEqual([]);
  });

  test('of a change that dockerd did not accept: reported, and the file is as it was', async () => {
    const host = machine('{}\n');
    const daemon = runDockerd(host);
    daemon.deaf = true;
    const undo = await daemonJson.undo(resource, host, vaultOn(host));
    await expect(daemonJson.apply(resource, host)).rejects.toThrow('Docker did not accept the change');
    await undoNow(undo, host);
    expect(host.text(config)).toBe('{}\n');
  });
});
