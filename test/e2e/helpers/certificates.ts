// What the tests of certificates do with hosts: trust a root, look at what is served, compare the files of a registry.
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../lab/host.ts';
import { pull, push } from './machines.ts';

const CERTS = '/opt/registry/certs';

/** What Docker is told of a registry's CA; it reads this folder again for each connection. */
export const trustRoots = (client: Host, pem: string, ...addresses: string[]) =>
  Promise.all(addresses.map((at) => client.write(`/etc/docker/certs.d/${at}/ca.crt`, pem)));

export const distrust = (client: Host) => client.sh('rm -rf /etc/docker/certs.d');

export const roots = async (server: Host): Promise<string[]> =>
  (await server.read(`${CERTS}/ca.crt`)).split(/(?<=-----END CERTIFICATE-----\n)/);

export const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256;

/** Of the certificate in the registry's directory. */
export const inFile = async (server: Host) => fingerprint(await server.read(`${CERTS}/site.crt`));

/** Of the certificate that a client is shown, as openssl tells it. */
export async function onWire(client: Host, at: string): Promise<string> {
  const line = `openssl s_client -connect ${at} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256`;
  return (await client.sh(line)).stdout.trim().replace(/^.*=/, '');
}

/** Every file of the registry but the images: owner, mode, content. And everything else that a set-up touches. */
export async function files(server: Host): Promise<string[]> {
  const { stdout } = await server.sh(`
    for dir in /opt/registry /etc/systemd/system /etc/cron.d; do
      [ ! -d $dir ] || find $dir -path /opt/registry/data -prune -o -path '*/program/*' -prune -o -name maintenance.json \
        -o -type f -printf '%M %u ' -exec sha256sum {} \\;
    done`);
  return stdout.trim().split('\n').sort();
}

const pid = async (client: Host) => (await client.sh('pidof dockerd')).stdout.trim();

/** Pushes under a name and pulls it again, and that did not take a restart of the engine. */
export async function roundTrip(client: Host, name: string): Promise<void> {
  const before = await pid(client);
  const pushed = await push(client, name);
  const pulled = await pull(client, name);
  if (!pushed || pushed !== pulled) throw new Error(`${name}: pushed ${pushed}, pulled ${pulled}`);
  if ((await pid(client)) !== before) throw new Error('the engine was restarted');
}

/** Asks the registry in a loop from a host, as fresh clients do: the longest time without an answer, milliseconds, and who had none. */
export async function gapSeenBy(
  client: Host,
  at: string,
  work: () => Promise<unknown>,
): Promise<{ gap: number; failed: number }> {
  await client.write('/tmp/gap.mjs', GAP);
  await client.sh('rm -f /tmp/gap-started /tmp/gap-stop');
  const watching = client.exec(['node', '/tmp/gap.mjs', at]);
  await client.sh('until [ -e /tmp/gap-started ]; do sleep 0.05; done');
  await work();
  await client.sh('touch /tmp/gap-stop');
  return JSON.parse((await watching).stdout) as { gap: number; failed: number };
}

const GAP = `
import { existsSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
const [host, port] = process.argv[2].split(':');
let last, gap = 0, failed = 0;
const probe = () => new Promise((done) => {
  const sent = request({ host, port, path: '/', agent: false, rejectUnauthorized: false, timeout: 5000 }, (reply) => {
    reply.resume().on('end', () => {
      const now = performance.now();
      if (last) gap = Math.max(gap, now - last);
      else writeFileSync('/tmp/gap-started', '');
      last = now;
      done();
    });
  });
  sent.on('timeout', () => sent.destroy()).on('error', () => { failed++; done(); }).end();
});
const pending = [];
while (!existsSync('/tmp/gap-stop')) {
  pending.push(probe());
  await new Promise((done) => setTimeout(done, 20));
}
await Promise.all(pending);
console.log(JSON.stringify({ gap: Math.round(gap), failed }));
`;

export interface Age {
  life: number;
  left: number;
}

/** A script: the site certificate as it is after some of its days, signed by the same CA. */
export const age = ({ life, left }: Age) => `
  cd /opt/registry
  openssl x509 -in certs/site.crt -noout -ext subjectAltName | tail -1 |
    sed 's/ *IP Address:/IP:/g; s/ *DNS:/DNS:/g; s/^/subjectAltName=/' >/tmp/names
  day() { date -u -d "$1 days" +%Y%m%d%H%M%SZ; }
  openssl req -new -key certs/site.key -subj /CN=registry |
    openssl x509 -req -CA ca/ca.crt -CAkey ca/ca.key -extfile /tmp/names \
      -not_before $(day ${left - life}) -not_after $(day ${left}) 2>/dev/null >/tmp/aged.crt
  cat /tmp/aged.crt ca/ca.crt >certs/site.crt`;

const go = ['go', '/usr/local/go/bin/go'].find((command) => spawnSync(command, ['version']).status === 0);
const noGo = go ? undefined : 'there is no go on this machine';

/** A program in Go on a host, which trusts the roots in a file and nothing else: what Docker and podman are made of. */
export async function installGoClient(...hosts: Host[]): Promise<void> {
  const binary = join(mkdtempSync(join(tmpdir(), 'registry-setup-go-')), 'go-client');
  const source = join(import.meta.dirname, '../../fixtures/go-client/main.go');
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-ldflags=-s' };
  const { status, stderr } = spawnSync(go ?? '', ['build', '-o', binary, source], { env, encoding: 'utf8' });
  if (status !== 0 || !existsSync(binary)) throw new Error(`go build: ${stderr}`);
  await Promise.all(hosts.map((host) => host.copyIn(binary, '/usr/local/lib/go-client')));
}

const hostOf = (at: string) => at.replace(/:\d+$/, '');

/** The clients that are asked whether they accept what is served at `https://AT/` with the roots in FILE alone. */
const CLIENTS: Record<string, (at: string, file: string) => string> = {
  curl: (at, file) => `curl -sS --cacert ${file} --capath /nonexistent -o /dev/null https://${at}/`,
  openssl: (at, file) =>
    `openssl s_client -connect ${at} -verify_return_error ${isIP(hostOf(at)) ? '-verify_ip' : '-verify_hostname'} ${hostOf(at)} -x509_strict \
      -CAfile ${file} -no-CApath -no-CAstore </dev/null`,
  Node: (at, file) =>
    `node -e 'require("https").get("https://${at}/", { ca: require("fs").readFileSync("${file}") }, (r) => r.resume())'`,
  Go: (at, file) => `/usr/local/lib/go-client https://${at}/ ${file}`,
};

/** Who of them refuses, and why; nothing where all accept. */
export async function refusals(client: Host, at: string, root: string): Promise<string[]> {
  await client.write('/tmp/root.pem', root);
  const answers = await Promise.all(
    Object.entries(CLIENTS).map(async ([name, line]) => {
      if (name === 'Go' && noGo) return '';
      const { code, stdout, stderr } = await client.sh(line(at, '/tmp/root.pem'), { check: false });
      return code === 0 ? '' : `${name}: ${stdout}${stderr}`;
    }),
  );
  return answers.filter(Boolean);
}
