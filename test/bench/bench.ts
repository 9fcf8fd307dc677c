// How long things take: medians of several runs, in milliseconds. `npm run bench`
import { spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { beforeAll, it } from 'vitest';
import { install, startServer } from '../e2e/helpers/machines.ts';
import { createNetwork, type Host, removeAll, spawnPty, startHost } from '../lab/host.ts';

const load = () => loadavg()[0]?.toFixed(1);
const print = (line = '') => process.stdout.write(`${line}\n`);

async function times(count: number, measure: () => Promise<number> | number): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push(await measure());
  return found.sort((a, b) => a - b);
}

function row(what: string, found: number[]): void {
  const at = (part: number) => Math.round(found[Math.floor((found.length - 1) * part)] ?? Number.NaN);
  print(`  ${what.padEnd(62)}${String(at(0.5)).padStart(6)}   (${at(0)}–${at(1)}, ${found.length} runs)`);
}

/** One after the other in every round, so that a busy moment hits them all. */
async function rows(count: number, measures: Record<string, () => Promise<number> | number>): Promise<void> {
  const found: Record<string, number[]> = {};
  for (let i = 0; i < count; i++)
    for (const [what, measure] of Object.entries(measures))
      found[what] = [...(found[what] ?? []), await measure()];
  for (const [what, list] of Object.entries(found))
    row(
      what,
      list.sort((a, b) => a - b),
    );
}

let server: Host;
let bare: Host;
beforeAll(async () => {
  server = await startServer();
  bare = await startHost({ flavour: 'trixie-bare', name: 'bare', network: await createNetwork('bare') });
  await install(bare);
  // What the package manager takes is told apart.
  await bare.write('/usr/local/bin/apt-get', TIMED_APT, 0o755);
  await bare.sh('apt-get update -q');
  return removeAll;
});

const TIMED_APT = `#!/bin/bash
from=\${EPOCHREALTIME//[.,]/}
/usr/bin/apt-get "$@"
code=$?
echo $(((\${EPOCHREALTIME//[.,]/} - from) / 1000)) >>/run/apt-ms
exit $code
`;

/** From nothing but Node to a verified push, less the time of apt. */
async function fromNothing(): Promise<number> {
  await bare.sh('registry-setup uninstall --yes --purge >/dev/null 2>&1; rm -f /run/apt-ms', {
    seconds: 300,
  });
  const whole = await inHost('registry-setup --yes >/dev/null 2>&1', bare);
  const apt = (await bare.read('/run/apt-ms')).split('\n').reduce((sum, ms) => sum + Number(ms), 0);
  return whole - apt;
}

/** A script in the host, by the host's own clock. */
async function inHost(script: string, host = server): Promise<number> {
  const clock = 'echo "took $((($EPOCHREALTIME_END - $EPOCHREALTIME_START) / 1000))"';
  const now = (name: string) => `EPOCHREALTIME_${name}=\${EPOCHREALTIME//[.,]/}`;
  const { stdout } = await host.sh(`${now('START')}\n${script}\n${now('END')}\n${clock}`);
  return Number(/^took (\d+)$/m.exec(stdout)?.[1]);
}

function local(...args: string[]): number {
  const since = performance.now();
  spawnSync(process.execPath, args, { stdio: 'ignore' });
  return performance.now() - since;
}

/** From the start of a program in the host to what it shows. */
async function onScreen(command: string, shows: RegExp): Promise<number> {
  const since = performance.now();
  const pty = spawnPty(server, command);
  await pty.waitFor(shows, 60_000);
  const passed = performance.now() - since;
  await pty.close();
  return passed;
}

async function clean(script = ''): Promise<void> {
  await server.sh(`${script}\nrm -rf /srv/by-hand /etc/docker/certs.d /root/.docker`);
  await server.reset();
}

async function setUp(line: string): Promise<number> {
  await clean();
  return inHost(`registry-setup ${line} 2>/dev/null`);
}

async function byHand(): Promise<number> {
  await clean();
  return inHost(`bash /usr/local/lib/by-hand.sh ${server.ip}`);
}

it('prints its numbers', async () => {
  await server.copyIn(join(import.meta.dirname, 'by-hand.sh'), '/usr/local/lib/by-hand.sh');
  print(
    `\n${cpus().length} cores of ${cpus()[0]?.model}, Node ${process.version}, load ${load()} at the start\n`,
  );

  print('This machine, ms');
  await rows(15, {
    'node -e 0': () => local('-e', '0'),
    'registry-setup --version': () => local('dist/cli.js', '--version'),
  });

  print('\nA terminal in a Debian 13 host, Docker 26.1, ms');
  await rows(7, {
    'echo, for scale: what the way into the host takes': () => onScreen('echo here', /here/),
    'the first question on the screen': () => onScreen('registry-setup', /^\? Address/m),
  });

  print('\nIn that host, image present, from the start to a verified push, ms');
  await rows(5, {
    'registry-setup --yes --tls insecure': () => setUp('--yes --tls insecure'),
    'registry-setup --yes': () => setUp('--yes'),
    'by hand, as one script (TLS by openssl, rsa:4096)': byHand,
  });
  await clean();
  await server.sh('systemctl reset-failed docker docker.socket');
  row(
    'the `systemctl restart docker` of the tutorials, on top',
    await times(2, () => inHost('systemctl restart docker')),
  );

  print('\nA Debian 13 host without an engine, from nothing to a verified push, ms');
  await rows(3, { 'registry-setup --yes, without the time of apt': fromNothing });

  print('\nA second run with nothing to do, ms');
  await setUp('--yes --tls insecure');
  await rows(7, {
    'registry-setup --yes': () => inHost('registry-setup --yes 2>/dev/null'),
    'registry-setup status': () => inHost('registry-setup status >/dev/null'),
    'for scale: docker info': () => inHost('docker info >/dev/null 2>&1'),
  });
  print(`\nload ${load()} at the end`);
});
