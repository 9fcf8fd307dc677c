// A newer image takes the place of the one that runs: tried beside it first, without a push that fails, and with a way back.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { PASSWORD, setUp } from '../helpers/clients.ts';
import { KILL, trapDocker } from '../helpers/faults.ts';
import { install, refused, run } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** An image that says that it is a newer registry, and does not serve. */
const BAD = `
  printf '#!/bin/sh\\n[ "$1" = --version ] && { echo "registry github.com/distribution/distribution/v3 v3.9.9"; exit 0; }\\necho no moon today >&2; exit 3\\n' >/root/registry
  chmod +x /root/registry
  docker create --name made registry:3 >/dev/null
  docker cp -q /root/registry made:/bin/registry
  docker commit made bad:1 >/dev/null
  docker rm made >/dev/null`;

/** Lets the machine itself push, again and again, until there is a file /root/enough; each push that fails writes a line. */
const pushing = (engine: 'docker' | 'podman', name: string) => `
  rm -f /root/enough /root/failed
  setsid sh -c 'n=0; while [ ! -e /root/enough ]; do n=$((n+1))
    ${engine} tag lab/hello:1 ${name}/loop:$n; ${engine} push -q ${name}/loop:$n >/root/said 2>&1 || cat /root/said >>/root/failed
    echo $n >/root/pushed; done; touch /root/over' >/dev/null 2>&1 &`;
const enough =
  'touch /root/enough; until [ -e /root/over ]; do sleep 0.1; done; rm /root/over; cat /root/failed 2>/dev/null || true';

const certsOf = (engine: 'docker' | 'podman', name: string) => `
  for port in 5000 5001; do dir=/etc/${engine === 'docker' ? 'docker' : 'containers'}/certs.d/${name.replace(':5000', '')}:$port
    mkdir -p $dir; cp /opt/registry/certs/ca.crt $dir/; done
  printf %s '${PASSWORD}' | ${engine} login -u admin --password-stdin ${name} 2>/dev/null`;

afterAll(removeAll);

describe('Docker, htpasswd', () => {
  let server: Host;
  let name: string;
  beforeAll(async () => {
    const network = await createNetwork('upgrade');
    const images = ['registry:2', 'registry:3', 'lab/hello:1'] as const;
    server = await startHost({ flavour: 'trixie', name: 'srv-upgrade', network, images: [...images] });
    await install(server);
    name = `${server.ip}:5000`;
    await setUp(server, '--image registry:2');
    await server.sh(certsOf('docker', name));
    await server.sh(BAD);
  });

  const imageOf = async () =>
    (await server.sh("docker inspect --format '{{.Config.Image}}' registry")).stdout.trim();
  /** What is left of a trial, or of a run. */
  const leftovers = async () =>
    (
      await server.sh(
        `docker ps -aq --filter name=registry | tail -n +2; ls -A /opt/registry/.state | grep -vE 'json$|^reserve$' || true
        grep -l _registry-setup /opt/registry/auth/htpasswd || true`,
      )
    ).stdout;

  it('what cannot take over is refused, and what runs goes on', async () => {
    const before = (await server.sh('docker inspect --format "{{.Id}} {{.State.StartedAt}}" registry'))
      .stdout;
    expect(await refused(server, 2, 'upgrade --yes --image lab/hello:1')).toContain('is not a registry');
    const said = await refused(server, 1, 'upgrade --yes --image bad:1');
    expect(said).toContain('no moon today');
    expect(said).toContain('Everything was put back as it was.');
    expect(await refused(server, 1, 'upgrade --yes --image nowhere.invalid/registry:3')).toContain(
      'upgrade --image-archive',
    );
    expect((await server.sh('docker inspect --format "{{.Id}} {{.State.StartedAt}}" registry')).stdout).toBe(
      before,
    );
    expect(await leftovers()).toBe('');
    expect((await run(server, '--yes')).all).toContain('Nothing to do');
  });

  it.each(chosen(['run', 'rename', 'start'], (at) => at === 'rename'))(
    'killed at docker %s: the next run puts it back',
    async (at) => {
      // The version is asked in a container as well: the trial is the first that stays.
      const when = at === 'run' ? `if [ "$2" = -d ]; then ${KILL}; fi` : KILL;
      const { env } = await trapDocker(server, { at, after: when });
      await server.sh('registry-setup upgrade --yes', { env, check: false });
      const { all } = await run(server, '--yes');
      expect(all).toContain('was interrupted');
      expect(await imageOf()).toBe('registry:2');
      expect(await leftovers()).toBe('');
    },
  );

  it('2 to 3 while somebody pushes: nothing is lost, and the way back is open', async () => {
    await server.sh(pushing('docker', name));
    const { all } = await run(server, 'upgrade --yes');
    expect((await server.sh(enough)).stdout).toBe('');
    expect(all).toMatch(/registry:2 \(2\.8\.\S+\) → registry:3 \(3\.\d+\.\d+\)/);
    expect(all).toContain('without an Accept header');
    expect(all).toMatch(/Tried beside the one that runs: \d+ repositor(y|ies), \d+ tags?, the same; logins/);
    expect(await imageOf()).toBe('registry:3');
    expect(await leftovers()).toBe('');
    const list = JSON.parse((await run(server, 'image list loop --json')).stdout);
    const pushed = Number((await server.sh('cat /root/pushed')).stdout);
    expect(list.repositories[0].tags).toHaveLength(pushed);
    expect((await run(server, 'status')).stdout).toContain('upgrade --image registry:2');
    expect((await run(server, 'upgrade --yes')).all).toContain('nothing newer');
    await run(server, 'upgrade --yes --image registry:2');
    expect(await imageOf()).toBe('registry:2');
  });

  it('images of schema 1 want a yes of their own', async () => {
    await server.sh(`
      cd /opt/registry/data/docker/registry/v2; m=repositories/old/app/_manifests
      body='{"schemaVersion":1,"name":"old/app","tag":"1","fsLayers":[],"history":[]}'
      hex=$(printf %s "$body" | sha256sum | cut -d' ' -f1)
      mkdir -p blobs/sha256/\${hex:0:2}/$hex repositories/old/app/_layers
      printf %s "$body" >blobs/sha256/\${hex:0:2}/$hex/data
      for dir in $m/revisions/sha256/$hex $m/tags/1/current $m/tags/1/index/sha256/$hex; do
        mkdir -p $dir; printf sha256:%s $hex >$dir/link; done`);
    const said = await refused(server, 2, 'upgrade --yes');
    expect(said).toContain('old/app:1');
    expect(said).toContain('--cut-off');
    expect(await imageOf()).toBe('registry:2');
    await run(server, 'upgrade --yes --cut-off');
    expect(await imageOf()).toBe('registry:3');
  });
});

describe('podman, tokens', () => {
  let server: Host;
  let name: string;
  beforeAll(async () => {
    const network = await createNetwork('upgrade-podman');
    server = await startHost({
      flavour: 'trixie-podman',
      name: 'srv-upgrade-podman',
      network,
      images: ['registry:2', 'registry:3', 'cesanta/docker_auth:1', 'lab/hello:1'],
    });
    await install(server);
    name = `${server.ip}:5000`;
    await setUp(server, '--auth token --image registry:2');
    await server.sh(certsOf('podman', name));
  });

  it('killed at the swap: put back; then 2 to 3, and a token from before stays valid', async () => {
    const { env } = await trapDocker(server, { at: 'stop', after: KILL }, 'podman');
    await server.sh('registry-setup upgrade --yes', { env, check: false });
    expect((await run(server, '--yes')).all).toContain('was interrupted');
    const image = "podman inspect --format '{{.ImageName}}' registry";
    expect((await server.sh(image)).stdout).toContain('registry:2');
    await server.sh(`podman tag lab/hello:1 ${name}/app:1; podman push -q ${name}/app:1`);
    const ask = `curl -sk -u 'admin:${PASSWORD}' 'https://${server.ip}:5001/auth?service=${name}&scope=repository:app:pull'`;
    const { token } = JSON.parse((await server.sh(ask)).stdout) as { token: string };
    await server.sh(pushing('podman', name));
    const { all } = await run(server, 'upgrade --yes');
    expect((await server.sh(enough)).stdout).toBe('');
    expect(all).toContain('Tokens that clients have already stay valid');
    expect((await server.sh(image)).stdout).toContain('registry:3');
    const status = `curl -sk -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer ${token}' https://${name}/v2/app/manifests/1`;
    expect((await server.sh(status)).stdout).toBe('200');
    expect((await run(server, '--yes')).all).toContain('Nothing to do');
    expect((await server.sh('podman ps -a --format "{{.Names}}" | sort | xargs')).stdout.trim()).toBe(
      'registry registry-auth',
    );
  });
});
