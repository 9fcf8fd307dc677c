// The wizard for token mode, on a terminal of 80 columns and 24 rows.
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type Host, removeAll, spawnPty } from '../../lab/host.ts';
import type { Pty } from '../../lab/pty.ts';
import { roots } from '../helpers/certificates.ts';
import { run, startServer } from '../helpers/machines.ts';
import { askAll } from '../helpers/tokens.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: Host;
beforeAll(async () => {
  server = await startServer({ images: ['registry:3', 'cesanta/docker_auth:1'] });
});
beforeEach(() => server.reset());
afterAll(removeAll);

const PATIENCE = 60_000;
const UPLOAD = 'POST /v2/team/app/blobs/uploads/';

/** Answers a question that begins so; nothing is Enter. */
async function answer(pty: Pty, words: string, text = ''): Promise<string> {
  const screen = await pty.waitFor(new RegExp(`^\\? ${words}`, 'm'), PATIENCE);
  pty.type(`${text}\r`);
  const [word] = words.split(' ');
  await pty.waitFor(new RegExp(`(?<![^])(?![^]*(^|\\n)\\? ${word})`), PATIENCE);
  return screen;
}

async function untilLogin(pty: Pty): Promise<void> {
  for (const words of ['Address', 'Port', '(Where|Director|Images|Storage)']) await answer(pty, words);
  await pty.waitFor(/^\? Who may use it/m, PATIENCE);
  pty.key('down', 'enter');
}

async function finish(pty: Pty): Promise<string> {
  await answer(pty, 'Encrypt');
  await answer(pty, 'Go ahead');
  expect(await pty.exitCode, pty.screen()).toBe(0);
  const lines = pty.history().split('\n');
  const pasted = (line: string) => /^ {4}(npx |docker |registry-setup )/.test(line);
  expect(lines.filter((line) => line.length > 80 && !pasted(line))).toEqual([]);
  return pty.screen();
}

it('Enter all the way: one administrator, nobody else, and a password shown once', async () => {
  const pty = spawnPty(server, 'registry-setup');
  await untilLogin(pty);
  for (const words of ['Administrator', 'Password', 'One', 'Who', 'May', 'A web page', 'Port'])
    await answer(pty, words);
  const end = await finish(pty);
  const [, password = ''] = /^ {2}admin +(\S{20,})$/m.exec(end) ?? [];
  const at = `${server.ip}:5000`;
  const asked = [`admin:${password}`, '', 'admin:x'].map((who) => ({ who, call: UPLOAD }));
  expect(await askAll(server, at, (await roots(server)).join(''), asked)).toEqual([
    '202',
    'login 401',
    'login 401',
  ]);
  const again = /^ +registry-setup (--yes .*)$/m.exec(end)?.[1] ?? '';
  expect(again).toContain('--auth token');
  expect((await run(server, again)).stderr).toContain('Nothing to do');
});

it('with readers: each is asked for a password, mistakes are told at once', async () => {
  const pty = spawnPty(server, 'registry-setup');
  await untilLogin(pty);
  await answer(pty, 'Administrator', '\x15ann');
  await answer(pty, 'Password for ann', 'ann-pw');
  await answer(pty, 'Repeat', 'ann-pw');
  await answer(pty, 'One');
  await pty.waitFor(/^\? Who may only pull/m, PATIENCE);
  pty.type('ann\r');
  await pty.waitFor(/That user is an administrator already/, PATIENCE);
  pty.type('\x15carol:Team/*\r');
  await pty.waitFor(/"Team\/\*" is not a repository/, PATIENCE);
  await answer(pty, 'Who', '\x15carol:team/*');
  await answer(pty, 'Password for carol', 'carol-pw');
  await answer(pty, 'Repeat', 'carol-pw');
  await answer(pty, 'Who');
  // Not asked whether everybody may pull: carol may not see everything.
  await answer(pty, 'A web page');
  await answer(pty, 'Port', '\x155055');
  await finish(pty);
  expect(pty.history()).not.toMatch(/ann-pw|carol-pw|May everybody/);
  const asked = ['ann:ann-pw', 'carol:carol-pw', ''].map((who) => ({ who, call: UPLOAD }));
  expect(await askAll(server, `${server.ip}:5000`, (await roots(server)).join(''), asked)).toEqual([
    '202',
    '401',
    'login 401',
  ]);
});
