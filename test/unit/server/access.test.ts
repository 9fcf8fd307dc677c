// This program's own way into the registry of its machine: with htpasswd, and a real registry that reads it.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Context } from '../../../src/context.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { digestOfFiles } from '../../../src/reconcile/digest.ts';
import { lockHolder } from '../../../src/reconcile/lock.ts';
import { awaitTurn, openRun } from '../../../src/reconcile/recover.ts';
import type { Session } from '../../../src/registry/session.ts';
import { Secret } from '../../../src/secret.ts';
import { withOwnSession } from '../../../src/server/access.ts';
import { hashGenerated } from '../../../src/server/auth/htpasswd.ts';
import { loadSecrets } from '../../../src/server/plan/secrets.ts';
import { serverPlan } from '../../../src/server/plan/server-plan.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';
import { silent } from '../../helpers/run.ts';

const USER = `admin:${await hashGenerated(new Secret('known'))}\n`;
/** A guest whose process has ended: no process has this number. */
const DEAD = '_registry-setup-4194305-1-0a1b2c3d:$2b$04$abcdefghijklmnopqrstuv\n';

async function registry() {
  const { at, htpasswd } = await startRegistry({ htpasswd: USER });
  chmodSync(htpasswd, 0o640);
  const dir = dirname(dirname(htpasswd));
  mkdirSync(join(dir, '.state'), { mode: 0o700 });
  // It is set up: the record is not empty.
  const way = [{ key: { kind: 'dir', id: dir }, title: dir, undo: { steps: [{ do: 'rmdir', path: dir }] } }];
  writeFileSync(join(dir, '.state/oldest.json'), JSON.stringify({ format: 1, oldest: way }));
  writeFileSync(join(dir, 'settings.yml'), 'auth: htpasswd\n');
  const host = realHost();
  const context = {
    answers: { yes: { value: true, where: '--yes' }, dir: { value: dir, where: '--dir' } },
    operands: [],
    line: 'registry-setup image list',
    host,
    uninterruptible: host,
    output: { ...silent(), quiet: true },
    signal: new AbortController().signal,
    env: {},
  } as unknown as Context;
  const settings = {
    dir,
    host: '127.0.0.1',
    bind: '127.0.0.1',
    port: at.port,
    auth: 'htpasswd',
    tls: 'insecure',
    users: ['admin'],
    readers: [],
  } as unknown as Settings;
  const enter = <T>(work: (session: Session) => Promise<T>) =>
    withOwnSession(context, { settings, certificates: { site: undefined } as never }, work);
  return { dir, host, context, settings, enter, text: () => readFileSync(htpasswd, 'utf8'), htpasswd };
}

const ask = async (session: Session) => (await session.request('GET', '/v2/_catalog')).status;

test.skipIf(noRegistry)('two commands are let in side by side, and neither keeps the other out', async () => {
  const { dir, host, enter, text } = await registry();
  const seen = await enter(async (first) => {
    const inner = await enter(async (second) => {
      expect(text().match(/^_registry-setup-/gm)).toHaveLength(2);
      expect(await lockHolder(host, dir)).toBeUndefined();
      return [await ask(first), await ask(second)];
    });
    return [...inner, await ask(first)];
  });
  expect(seen).toEqual([200, 200, 200]);
  expect(text()).toBe(USER);
});

test.skipIf(noRegistry)(
  'a run works during a long one, keeps its guest, and nothing that was decided changes',
  async () => {
    const { dir, context, enter, text, host, settings, htpasswd } = await registry();
    const before = await digestOfFiles(host, dir);
    const status = await enter(async (session) => {
      expect(await digestOfFiles(host, dir)).toBe(before);
      const run = await openRun(context, dir);
      const certificates = { site: undefined, ca: undefined, token: undefined } as never;
      const secrets = await loadSecrets(settings, certificates, new Map(), host);
      const plan = serverPlan(
        { ...settings, engine: 'docker', storage: dir, name: 'r' } as Settings,
        secrets,
        {
          networkResources: [],
        } as never,
      );
      const file = plan.find((one) => one.kind === 'file' && one.path === htpasswd);
      expect(file).toMatchObject({ content: text() });
      await run.release();
      return ask(session);
    });
    expect(status).toBe(200);
    expect(text()).toBe(USER);
  },
);

test.skipIf(noRegistry)(
  'a command that ends while another one holds the lock leaves its line to that one',
  async () => {
    const { dir, context, enter, text, host } = await registry();
    // Another process holds the lock when the work ends.
    await enter(async (session) => {
      await ask(session);
      const ticks = (await host.read('/proc/1/stat'))?.toString().split(') ').at(-1)?.split(' ')[19];
      writeFileSync(join(dir, '.state/lock'), JSON.stringify({ pid: 1, ticks, command: 'x', since: 'x' }));
    });
    expect(text()).toContain('_registry-setup-');
    await host.remove(join(dir, '.state/lock'));
    // This process lives on in the test; a guest of one that has ended goes with the next run, and only that.
    writeFileSync(join(dir, 'auth/htpasswd'), USER + DEAD, { mode: 0o640 });
    await awaitTurn(context, dir);
    expect(text()).toBe(USER);
  },
);

test.skipIf(noRegistry)(
  'the end of a run takes away who has left meanwhile, and leaves who is there',
  async () => {
    const { dir, context, enter, text, htpasswd } = await registry();
    await enter(async () => {
      const run = await openRun(context, dir);
      onTestFinished(() => run.release());
      writeFileSync(htpasswd, text() + DEAD);
      await run.release();
      expect(text()).not.toContain(DEAD);
      expect(text().match(/^_registry-setup-/gm)).toHaveLength(1);
    });
    expect(text()).toBe(USER);
  },
);
