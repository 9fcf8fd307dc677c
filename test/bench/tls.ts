// What a CA costs, and what a rotation costs the clients: medians of several runs, in milliseconds.
import { cpus, loadavg } from 'node:os';
import { beforeAll, it } from 'vitest';
import { gapSeenBy, trustRoots } from '../e2e/helpers/certificates.ts';
import { startTeam, type Team } from '../e2e/helpers/machines.ts';
import { removeAll } from '../lab/host.ts';

let team: Team;
beforeAll(async () => {
  team = await startTeam();
  return removeAll;
});

/** A CA and a certificate of it, then the registry: what the tutorials of this kind have one type. ADDRESS */
const BY_HAND = `
set -euo pipefail
address=$1; base=/srv/by-hand
mkdir -p $base/{certs,data} /etc/docker/certs.d/$address:5000
cd $base/certs
openssl req -x509 -newkey rsa:4096 -nodes -sha256 -days 3650 -subj /CN=registry-ca -keyout ca.key -out ca.crt 2>/dev/null
openssl req -newkey rsa:4096 -nodes -subj /CN=$address -keyout site.key -out site.csr 2>/dev/null
openssl x509 -req -in site.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -sha256 -extfile <(echo subjectAltName=IP:$address) -out site.crt 2>/dev/null
cp ca.crt /etc/docker/certs.d/$address:5000/ca.crt
docker run -d --restart always --name registry -p 5000:5000 -v $base/data:/var/lib/registry -v $base/certs:/certs \
  -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/site.crt -e REGISTRY_HTTP_TLS_KEY=/certs/site.key registry:3 >/dev/null
until curl -sko /dev/null https://$address:5000/v2/; do sleep 0.02; done
docker tag lab/hello:1 $address:5000/hello:1
docker push -q $address:5000/hello:1 >/dev/null
`;

const RUNS = Number(process.env.BENCH_RUNS ?? 5);
const load = () => loadavg()[0]?.toFixed(1);
const print = (line = '') => process.stdout.write(`${line}\n`);

/** One after the other in every round, so that a busy moment hits them all. */
async function rows(count: number, measures: Record<string, () => Promise<number>>): Promise<void> {
  const found: Record<string, number[]> = {};
  for (let i = 0; i < count; i++)
    for (const [what, measure] of Object.entries(measures))
      found[what] = [...(found[what] ?? []), await measure()];
  for (const [what, list] of Object.entries(found)) {
    const sorted = list.toSorted((a, b) => a - b).map(Math.round);
    const median = sorted[Math.floor((sorted.length - 1) / 2)];
    print(
      `  ${what.padEnd(62)}${String(median).padStart(6)}   (${sorted[0]}–${sorted.at(-1)}, ${count} runs)`,
    );
  }
}

/** By the host's own clock. */
async function inHost(script: string): Promise<number> {
  const { stdout } = await team.server.sh(
    `since=\${EPOCHREALTIME//[.,]/}\n${script}\necho took $(((\${EPOCHREALTIME//[.,]/} - since) / 1000))`,
  );
  return Number(/^took (\d+)$/m.exec(stdout)?.[1]);
}

async function afresh(script: string): Promise<number> {
  await team.server.sh(
    'docker rm -f registry >/dev/null 2>&1; rm -rf /srv/by-hand /etc/docker/certs.d /root/.docker',
  );
  await team.server.reset();
  return inHost(script);
}

it('prints its numbers', async () => {
  const { server, dev } = team;
  await server.write('/usr/local/lib/by-hand-ca.sh', BY_HAND);
  print(
    `\n${cpus().length} cores of ${cpus()[0]?.model}, Node ${process.version}, load ${load()} at the start`,
  );

  print('\nFrom the start to a verified push, image present, Docker 26.1, ms');
  await rows(RUNS, {
    'registry-setup --yes --auth none (CA-signed)': () =>
      afresh('registry-setup --yes --auth none 2>/dev/null'),
    'by hand, as one script (CA and site, rsa:4096)': () =>
      afresh(`bash /usr/local/lib/by-hand-ca.sh ${server.ip}`),
  });

  const at = `${server.name}:5000`;
  const rotating = async () => {
    await afresh(`registry-setup --yes --auth none --host ${server.name} 2>/dev/null`);
    await trustRoots(dev, await server.read('/opt/registry/certs/ca.crt'), at);
  };
  const gap = async (line: string) => (await gapSeenBy(dev, at, () => server.sh(line))).gap;
  const measures = {
    'registry-setup rotate': () => gap('registry-setup rotate --yes'),
    'registry-setup rotate --ca': () => gap('registry-setup rotate --yes --ca'),
    'docker restart registry': () => gap('docker restart registry'),
  };
  print('\nThe longest time in which another machine, asking every 20 ms, had no answer, ms');
  await rotating();
  await rows(RUNS, measures);
  print(
    '\nThe same, with a second container on the bridge: it does not lose its carrier, and ARP its entries',
  );
  await server.sh('docker run -d --name other --entrypoint sleep registry:3 1000');
  await rows(RUNS, measures);
  print(`\nload ${load()} at the end`);
});
