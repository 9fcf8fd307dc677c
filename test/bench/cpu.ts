// How much processor time a command takes with the programs that it starts, and how long it takes: medians of several runs.
import { statSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { beforeAll, inject, it } from 'vitest';
import { startServer } from '../e2e/helpers/machines.ts';
import { type Host, removeAll } from '../lab/host.ts';

const RUNS = Number(process.env.BENCH_RUNS ?? 7);
const print = (line = '') => process.stdout.write(`${line}\n`);

let server: Host;
beforeAll(async () => {
  server = await startServer();
  return removeAll;
});

const median = (list: number[]) =>
  list.toSorted((a, b) => a - b)[Math.floor((list.length - 1) / 2)] ?? Number.NaN;

/** Of a command in the host, by its bash: seconds that passed, of the user, of the system. */
async function taken(command: string): Promise<{ cpu: number; wall: number }> {
  const { stderr } = await server.sh(`TIMEFORMAT='took %R %U %S'; time ${command} >/dev/null 2>/dev/null`);
  const [, wall, user, system] = (/^took (\S+) (\S+) (\S+)$/m.exec(stderr) ?? []).map(Number);
  return { cpu: ((user ?? 0) + (system ?? 0)) * 1000, wall: (wall ?? 0) * 1000 };
}

async function row(what: string, command: string, before?: () => Promise<unknown>): Promise<void> {
  const found: { cpu: number; wall: number }[] = [];
  for (let i = 0; i < RUNS; i++) {
    await before?.();
    found.push(await taken(command));
  }
  const of = (key: 'cpu' | 'wall') => String(Math.round(median(found.map((one) => one[key])))).padStart(7);
  print(`  ${what.padEnd(48)}${of('cpu')}${of('wall')}`);
}

it('prints its numbers', async () => {
  print(
    `\n${cpus().length} cores of ${cpus()[0]?.model}, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`,
  );
  print(`the package: ${Math.round(statSync(inject('tarball')).size / 1000)} kB`);
  print(`\nIn a Debian 13 host, Docker 26.1, ms                processor   passed  (${RUNS} runs)`);
  await row('node -e 0', 'node -e 0');
  await row('registry-setup --version', 'registry-setup --version');
  await row('registry-setup --help', 'registry-setup --help');
  await row('registry-setup --yes, a new registry', 'registry-setup --yes', () => server.reset());
  await row('registry-setup --yes, nothing to do', 'registry-setup --yes');
  await row('registry-setup status', 'registry-setup status');
  await row('registry-setup user list', 'registry-setup user list');
  const client = `registry-setup --client --yes --host ${server.ip} --user admin --password-file /root/password`;
  await server.sh(`registry-setup --yes --host ${server.ip}
    sed -n 's/^admin:[[:space:]]*//p' /opt/registry/generated-passwords >/root/password`);
  const { stdout } = await server.sh(
    'openssl x509 -in /opt/registry/certs/ca.crt -noout -fingerprint -sha256',
  );
  await row(
    'registry-setup --client --yes',
    `${client} --ca-fingerprint ${stdout.trim().split('=')[1]}`,
    () => server.sh('rm -rf /etc/docker/certs.d /root/.docker'),
  );
  await row('for scale: docker info', 'docker info');
  print(`\nload ${loadavg()[0]?.toFixed(1)} at the end`);
});
