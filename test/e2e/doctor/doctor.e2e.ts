// Faults of whole machines, made one after the other on one host: the doctor names each, and says nothing where nothing is wrong.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { setUp } from '../helpers/clients.ts';
import { KILL, trapDocker } from '../helpers/faults.ts';
import { run, startServer, troubles, until } from '../helpers/machines.ts';

const JSON_FILE = '/etc/docker/daemon.json';
const OVERRIDE = '/etc/systemd/system/docker.service.d/flags.conf';
let server: Host;
let name: string;
beforeAll(async () => {
  server = await startServer({ images: ['registry:3', 'cesanta/docker_auth:1'] });
  name = `${server.ip}:5000`;
  // It is a client of its own registry as well.
  const line = await setUp(server, '');
  await run(server, line, { input: 'pass-word 1' });
});
afterEach(() =>
  // What a test that failed leaves would fail those after it.
  server.sh(`
    rm -rf ${JSON_FILE} ${OVERRIDE} /etc/sysconfig '/etc/docker/certs.d/https:' /etc/docker/certs.d/*/{server.pem,reg.key}
    docker rm -fv thief &>/dev/null || true`),
);
afterAll(removeAll);

const doctor = (flags = '', env: Record<string, string> = {}) => troubles(server, flags, env);
const codes = async (flags = '', env: Record<string, string> = {}) =>
  (await doctor(flags, env)).map(({ code }) => code);
const asClient = () => codes(`--host ${name}`);
/** Mends what is safe to mend. It looks again, and ends with 0 if nothing is broken any more. */
const fix = async () =>
  expect((await run(server, 'doctor --fix --yes')).stdout).toContain('Nothing is wrong');

it('a healthy server and a healthy client have no trouble', async () => {
  expect(await Promise.all([doctor(), doctor(`--host ${name}`)])).toEqual([[], []]);
});

describe('files', () => {
  it('what tutorials write: each is named, and the key stops Docker really', async () => {
    const certs = `/etc/docker/certs.d/${name}`;
    await server.sh(`
      echo '{"registry-mirror": ["https://m.example"]}' >${JSON_FILE}
      mkdir -p /etc/sysconfig '/etc/docker/certs.d/https:/hub.example'
      echo 'OPTIONS="--insecure-registry 192.168.211.15:5000"' >/etc/sysconfig/docker
      cp ${certs}/ca.crt ${certs}/server.pem
      cp ${certs}/ca.crt '/etc/docker/certs.d/https:/hub.example/'
      touch ${certs}/reg.key`);
    const seen = await asClient();
    for (const code of ['daemon-json-misspelt', 'flag-not-read', 'certs-name', 'certs-ending', 'certs-key'])
      expect(seen).toContain(code);
    expect((await server.sh(`docker pull ${name}/a:1`, { check: false })).stderr).toContain('reg.key');
  });

  it('a network that hides the CAs, before and after Docker has read it', async () => {
    const network = `${server.ip.split('.')[0]}.0.0.0/8`;
    await server.sh(`echo '{"insecure-registries": ["${server.ip}/8"]}' >${JSON_FILE}`);
    expect(await asClient()).toContain('daemon-json-not-read');
    await server.sh('systemctl reload docker');
    await until(server, `docker info --format '{{json .RegistryConfig}}' | grep -q '"${network}"'`);
    const seen = await asClient();
    for (const code of ['insecure-network', 'insecure-hides-certs', 'tls-but-insecure'])
      expect(seen).toContain(code);
    await server.sh(`echo '{"insecure-registries": []}' >${JSON_FILE}; systemctl reload docker`);
    await until(server, `! docker info --format '{{json .RegistryConfig}}' | grep -q '"${network}"'`);
    await server.sh(`rm ${JSON_FILE}`);
    expect(await doctor(`--host ${name}`)).toEqual([]);
  });

  it('a flag that is in daemon.json as well, and a comment there: Docker does not start, and both are named', async () => {
    await server.sh(`
      mkdir -p $(dirname ${OVERRIDE})
      printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// --insecure-registry=x:1\\n' >${OVERRIDE}
      echo '{"insecure-registries": ["y:1"]}' >${JSON_FILE}
      systemctl daemon-reload; ! systemctl restart docker`);
    const seen = await doctor();
    expect(seen.map(({ code }) => code)).toEqual(expect.arrayContaining(['engine-stopped', 'flag-conflict']));
    expect(seen.find(({ code }) => code === 'flag-conflict')?.severity).toBe('broken');
    await server.sh(
      `rm ${OVERRIDE}; printf '{\\n  "debug": false # no\\n}' >${JSON_FILE}; systemctl daemon-reload`,
    );
    expect(await codes()).toEqual(expect.arrayContaining(['engine-stopped', 'daemon-json-broken']));
    await server.sh(
      `rm ${JSON_FILE}; systemctl reset-failed docker.service docker.socket; systemctl start docker`,
    );
    await until(server, `curl -sk https://${name}/v2/`);
    expect(await doctor()).toEqual([]);
  });
});

describe('the registry', () => {
  it('is stopped, and was left read-only: --fix mends both', async () => {
    await server.sh(`
      sed -i 's/^  maintenance:/  maintenance:\\n    readonly:\\n      enabled: true/' /opt/registry/config/config.yml
      docker stop registry`);
    expect(await doctor()).toMatchObject([
      { code: 'container-stopped', cause: expect.stringContaining('code ') },
      { code: 'read-only' },
    ]);
    await fix();
  });

  it('ends again and again: named with its last line', async () => {
    await server.sh(
      'cp -a /opt/registry/config/config.yml /tmp/ && echo "version: 9" >/opt/registry/config/config.yml && docker restart registry',
    );
    await until(server, `test $(docker inspect -f '{{.RestartCount}}' registry) -gt 1`);
    const seen = await doctor();
    expect(seen.find(({ code }) => /^container-(restarting|stopped)$/.test(code))?.evidence).toContain(
      'configuration error',
    );
    await server.sh('cp -a /tmp/config.yml /opt/registry/config/ && docker restart registry');
    await until(server, `curl -sk https://${name}/v2/`);
  });

  it('has lost its port to a container that comes back with Docker', async () => {
    await server.sh(
      'docker stop registry && docker run -d --name thief --restart always -p 5000:5000 registry:3',
    );
    expect(await codes()).toContain('port-held');
    await server.sh('docker stop thief && docker start registry');
    await until(server, `curl -sk https://${name}/v2/`);
    expect(await codes()).toEqual(['port-rival']);
    await server.sh('docker rm -fv thief');
  });

  it('was left by a run that was killed: --fix undoes that', async () => {
    const { env } = await trapDocker(server, { at: 'create', before: KILL });
    await server.sh('registry-setup --yes --port 5005', { check: false, env });
    expect(await codes()).toContain('unfinished-run');
    await fix();
  });

  it('has a user whose password is no bcrypt: no fix drops that user, not even the one of a stopped registry', async () => {
    await server.sh(`
      echo 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' >>/opt/registry/auth/htpasswd
      docker stop registry`);
    const seen = await doctor();
    expect(seen.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['htpasswd-not-bcrypt', 'container-stopped', 'drift']),
    );
    expect(seen.map((trouble) => trouble.fix)).toEqual(seen.map(() => null));
    await server.sh("sed -i '/^bob:/d' /opt/registry/auth/htpasswd && docker start registry");
  });

  it('has a disk that is full, has no inodes, or is read-only', async () => {
    const mounted = async (options: string, then = ':') => {
      await server.sh(
        `mount -t tmpfs -o ${options} tmpfs /opt/registry/data && cd /opt/registry/data && ${then}`,
      );
      const seen = await codes();
      await server.sh('umount /opt/registry/data');
      return seen;
    };
    expect(await mounted('size=400k')).toContain('disk-full');
    expect(await mounted('nr_inodes=300', '(touch f{1..400} 2>/dev/null || true)')).toContain('no-inodes');
    expect(await mounted('size=2g,ro')).toContain('storage-read-only');
  });
});

it('an engine of another machine, and a client of another version', async () => {
  const [elsewhere, other] = await Promise.all([
    codes('', { DOCKER_HOST: 'tcp://127.0.0.1:9' }),
    codes('', { DOCKER_API_VERSION: '1.99' }),
  ]);
  expect(elsewhere).toContain('engine-elsewhere');
  expect(other).toContain('api-version');
});

describe('what programs say', () => {
  it('real messages of docker, pasted: what they mean, and commands for the registry that is here', async () => {
    const { stdout } = await server.sh(
      `{ docker pull 127.0.0.1:5999/a:1 || docker pull ${name}/none:1 || docker search ${name}/a || true; } 2>&1 |
        registry-setup doctor --error - --json`,
      { check: false },
    );
    const { explained } = JSON.parse(stdout);
    expect(explained.map(({ code }: { code: string }) => code)).toEqual(['refused', 'not-there', 'search']);
    expect(explained[1].mend[0]).toMatch(/: registry-setup image list$/);
  });

  it('the log of the registry tells of a disk that was full', async () => {
    await server.sh(`
      mount -t tmpfs -o size=400k tmpfs /opt/registry/data && docker restart registry
      docker tag registry:3 ${name}/big:1; timeout 5 docker push ${name}/big:1 || true; umount -l /opt/registry/data`);
    const [found] = (await doctor()).filter(({ evidence }) => evidence?.includes('no space left'));
    expect(found).toMatchObject({ code: 'disk-full', severity: 'risk' });
    await server.sh('docker restart registry');
    await until(server, `curl -sk https://${name}/v2/`);
    expect(await codes()).toEqual([]);
  });

  it('settings that are broken keep neither from working', async () => {
    await server.sh('cp -a /opt/registry/settings.yml /tmp/ && echo "port: [" >>/opt/registry/settings.yml');
    expect(await codes()).toContain('registry-here');
    const said = await server.sh("registry-setup doctor --error 'no space left on device'");
    expect(said.stdout).toContain('df -h');
    await server.sh('cp -a /tmp/settings.yml /opt/registry/');
  });
});

it('tokens that the registry does not take', async () => {
  await run(server, '--yes --auth token');
  expect(await doctor()).toEqual([]);
  await server.sh(`
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout /dev/null -out /opt/registry/config/token.crt
    docker restart registry`);
  await until(server, `curl -sk https://${name}/v2/`);
  expect(await codes()).toContain('tokens-refused');
});
