// What goes by itself when a run is over or was killed, where somebody else's lies beside it: theirs stays.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Host, type LabImage, removeAll } from '../../lab/host.ts';
import { KILL, trapDocker } from '../helpers/faults.ts';
import { login, pull, push, run, startServer, until } from '../helpers/machines.ts';
import { ADMIN, password, SCOPED } from '../helpers/tokens.ts';

let server: Host;
beforeAll(async () => {
  server = await startServer({
    flavour: 'bookworm',
    images: ['registry:3', 'registry:2', 'cesanta/docker_auth:1', 'lab/hello:1'],
  });
});
afterAll(removeAll);
beforeEach(() => server.reset());

const V2 = '/opt/registry/data/docker/registry/v2';
const FAKE = 'registry-setup-check-0123456789ab';
const leftovers = async () =>
  (await server.sh('find /opt/registry/data -path "*registry-setup-check-*" -prune -print')).stdout;

/** Ends a run with SIGKILL when its test image lies in the storage; another one where that was too late. */
async function killInProof(line: string, input: string, below = ''): Promise<string> {
  await server.write('/tmp/passwords', input);
  const { stdout } = await server.sh(`
    found() { compgen -G '${V2}/repositories/${below}registry-setup-check-*/_layers' | grep -v ${FAKE}; }
    for i in 1 2 3 4 5; do
      registry-setup ${line} </tmp/passwords >/dev/null 2>&1 & pid=$!
      while kill -0 $pid 2>/dev/null; do if found >/dev/null; then kill -9 $pid || true; break; fi; done
      wait $pid || true
      if found; then exit 0; fi
    done
    echo 'no run was killed in its proof'; exit 1`);
  return stdout.trim();
}

/** What whoever may push can do: the layers of an image in a repository of any name, and its manifest. */
const mount = (from: string, to: string) =>
  server.sh(`
    B=https://127.0.0.1:5000/v2
    T=application/vnd.docker.distribution.manifest.v2+json
    ask() { curl -sk -u '${ADMIN}' "$@"; }
    ask -H "Accept: $T" $B/${from}/manifests/1 >/tmp/manifest
    for D in $(grep -o 'sha256:[0-9a-f]*' /tmp/manifest); do
      ask -o /dev/null -w '%{http_code}\\n' -X POST "$B/${to}/blobs/uploads/?mount=$D&from=${from}" | grep -x 201
    done
    ask -o /dev/null -w '%{http_code}\\n' -X PUT -H "Content-Type: $T" --data-binary @/tmp/manifest $B/${to}/manifests/x | grep -x 201`);

describe.each<[LabImage, string]>([
  ['registry:3', ''],
  ['registry:2', '--no-delete'],
])('%s %s', (image, more) => {
  it('another image is whole after the sweep, and so is the machine', async () => {
    const words = `--yes --image ${image} ${more} --user admin --password-stdin`;
    await run(server, words, { input: password(ADMIN) });
    await login(server, '127.0.0.1:5000', 'admin', password(ADMIN));
    const keep = '127.0.0.1:5000/keep:1';
    const digest = await push(server, keep);
    await mount('keep', FAKE);
    // And what a registry that was broken into can do: names that are no digests, and a link in the place of their folder.
    await server.sh(`
      mkdir -p /root/precious-dir/deep /root/prime.conf
      docker exec registry sh -c 'cd /var/lib/registry/docker/registry/v2
        mkdir -p repositories/${FAKE}/_layers/sha256/precious-dir repositories/${FAKE}/_layers/sha256/prime.conf
        ln -s /root blobs/sha256/pr'`);

    async function recovered(line: string) {
      expect((await run(server, line)).stderr).toContain('was interrupted');
      expect(await leftovers()).toBe(`${V2}/repositories/${FAKE}\n`);
      await server.sh('test -d /root/precious-dir/deep -a -d /root/prime.conf');
    }
    const { env } = await trapDocker(server, { at: 'create', before: KILL });
    expect(await server.sh('registry-setup rotate --yes', { env, check: false })).toMatchObject({
      code: 137,
    });
    await until(server, '! pgrep -x docker');
    await recovered('--yes');
    expect(await pull(server, keep)).toBe(digest);

    const change = 'user password admin --yes --password-stdin';
    expect(await killInProof(change, 'another one')).toMatch(/registry-setup-check-[0-9a-f]{12}\/_layers$/);
    await recovered('--yes');
    expect(await pull(server, keep), 'with the former password').toBe(digest);

    await killInProof(change, 'another one');
    await recovered('uninstall --yes');
  });
});

it('token mode: below the prefix of a reader, too', async () => {
  const words = `--yes --auth token --user admin --reader 'carol:team/*' --password-stdin`;
  await run(server, words, { input: `${ADMIN}\n${SCOPED}` });
  const left = await killInProof(words, 'admin:another one\ncarol:and yet another', 'team/');
  expect(left).toContain('/team/registry-setup-check-');
  await run(server, '--yes');
  expect((await server.sh('find /opt/registry/data -mindepth 1')).stdout).toBe('');
});

it('the pull that proves a client takes no name from an image that was built there', async () => {
  await run(server, '--yes --auth none');
  const [address, names] = [
    `${server.ip}:5000`,
    `docker images --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort`,
  ];
  await push(server, '127.0.0.1:5000/team/app:1');
  await server.sh(`docker tag registry:3 ${address}/team/app:1; docker rmi 127.0.0.1:5000/team/app:1`);
  const before = (await server.sh(names)).stdout;
  const { stderr } = await run(server, `--client --yes --host ${address} --ca /opt/registry/certs/ca.crt`);
  expect(stderr).toContain(`pulled ${address}/team/app:1`);
  expect((await server.sh(names)).stdout).toBe(before);
});
