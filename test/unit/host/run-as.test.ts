// A command that must not outlive this program: real processes, and a kill that nobody can catch.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const lacks =
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status !== 0 && 'setpriv of util-linux is not here';
const isRoot = process.getuid?.() === 0;

/** Tells whether that process lives: one that has ended, and that nobody has asked for its exit code, does not. */
const lives = (pid: number) =>
  /^State:\s+[^ZX]/m.test(spawnSync('cat', [`/proc/${pid}/status`]).stdout.toString());

test.skipIf(lacks).each([undefined, ...(isRoot ? ['nobody'] : [])])('as %s', async (as) => {
  const dir = temporaryDirectory();
  const source = join(import.meta.dirname, '../../../src/host');
  const script = join(dir, 'parent.mjs');
  const entry = join(dir, 'parent.ts');
  writeFileSync(
    entry,
    `import { runBound } from '${source}/run-as.ts';
     import { realHost } from '${source}/this-host.ts';
     await runBound(realHost(), ${JSON.stringify(as)}, 'sh', ['-c', 'echo $$ $(id -un); exec sleep 60'], {
       timeout: 0,
       onLine: (line) => console.log(line),
     });`,
  );
  await build({
    entryPoints: [entry],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    nodePaths: [join(import.meta.dirname, '../../../node_modules')],
  });
  const parent = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) =>
    parent.stdout.once('data', (data) => resolve(String(data))),
  );
  const [pid, who] = line.trim().split(' ');
  if (as) expect(who).toBe(as);
  expect(lives(Number(pid))).toBe(true);
  parent.kill('SIGKILL');
  for (let tries = 0; tries < 50 && lives(Number(pid)); tries++) await sleep(20);
  expect(lives(Number(pid))).toBe(false);
});
