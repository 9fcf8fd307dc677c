// A real shell runs the real script here: that it starts again what dies is what it is for.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { scriptFiles, scriptProcess } from '../../../src/host/service-manager.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { perform } from '../../../src/reconcile/undo.ts';
import { background } from '../../../src/resources/background-process.ts';
import type { Resource, ResourceOf } from '../../../src/resources/resource.ts';
import { nativeService } from '../../../src/server/plan/native.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const host = realHost();
const vault = { keep: async () => '' };
let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** What the plan makes of it, with a program that only says its number and waits. */
function prepared(digestOf: string): ResourceOf<'process'> {
  const dir = temporaryDirectory();
  const binary = join(dir, 'a program');
  writeFileSync(binary, `#!/bin/sh\necho "started $$ $*" >>"${dir}/starts"\nexec sleep 1000\n`);
  chmodSync(binary, 0o755);
  const settings = { dir, name: 'registry', storage: join(dir, 'data'), port: 5000 } as Settings;
  const plan: Resource[] = nativeService(settings, { binary, serviceManager: 'script' }, [digestOf]);
  mkdirSync(join(dir, 'run'));
  for (const resource of plan) {
    if (resource.kind === 'file') writeFileSync(resource.path, resource.content, { mode: resource.mode });
    if (resource.kind === 'process') {
      // Nothing listens here, and this machine's own packet filter is not for tests.
      const { door: _, ...rest } = resource;
      const { name, script } = resource;
      stop = () => perform({ do: 'process', name, script }, host);
      return rest;
    }
  }
  throw new Error('the plan has no process');
}

const starts = ({ script }: { script: string }) => {
  const path = join(script, '../../starts');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
};

async function until(what: () => boolean | Promise<boolean>) {
  for (let i = 0; i < 200; i++) {
    if (await what()) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error('waited 5 s in vain');
}

test('the process starts, is found again, and is restarted when it dies', async () => {
  const resource = prepared('one');
  expect(await background.check(resource, host)).toMatchObject({ what: 'create' });
  await background.apply(resource, host);
  expect(await background.check(resource, host)).toBeUndefined();
  await until(() => starts(resource).length === 1);
  expect(starts(resource)[0]).toContain('serve');
  const [, pid] = /started (\d+)/.exec(starts(resource)[0] ?? '') ?? [];
  process.kill(Number(pid), 'SIGKILL');
  await until(() => starts(resource).length === 2);
  expect(await background.check(resource, host)).toBeUndefined();
});

test('changed files restart the process; undo restores what ran before, or nothing', async () => {
  const resource = prepared('one');
  const first = await background.undo(resource, host, vault);
  await background.apply(resource, host);
  const changed = { ...resource, digest: 'another' };
  expect(await background.check(changed, host)).toMatchObject({ what: 'change' });
  const second = await background.undo(changed, host, vault);
  await background.apply(changed, host);
  expect((await scriptProcess(host, resource.script))?.digest).toBe('another');

  for (const step of [...second.steps, ...(second.last ?? [])]) await perform(step, host);
  expect(await background.check(resource, host)).toBeUndefined();
  for (const step of [...first.steps, ...(first.last ?? [])]) await perform(step, host);
  expect(await scriptProcess(host, resource.script)).toBeUndefined();
  expect(existsSync(scriptFiles(resource.script).pid)).toBe(false);
});

test('a process id that another process has now is not ours', async () => {
  const resource = prepared('one');
  writeFileSync(scriptFiles(resource.script).pid, String(process.pid));
  expect(await scriptProcess(host, resource.script)).toBeUndefined();
});
