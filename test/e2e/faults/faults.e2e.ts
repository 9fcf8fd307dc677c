// What the machine does to a run: an engine that hangs, a disk that is full, a registry that cannot start. Each is said in
// words that help, and leaves nothing half done.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { portThief, trapDocker } from '../helpers/faults.ts';
import { ask, pull, push, refused, run, running, startServer } from '../helpers/machines.ts';

const SET_UP = '--yes --tls insecure --auth none';
const UNDONE = 'Everything was put back as it was.';
let server: Host;
beforeAll(async () => {
  server = await startServer();
});
beforeEach(async () => {
  await server.sh("umount /srv/* 2>/dev/null || true; pkill -f '[t]hief.py' || true");
  await server.reset();
});
afterAll(removeAll);

/** A disk of that many pages of 4096 bytes. */
const smallDisk = (path: string, pages: number) =>
  server.sh(`mkdir -p ${path} && mount -t tmpfs -o size=${pages * 4096} tmpfs ${path}`);

const everything = (path: string) =>
  server.sh(`find ${path} -type f -exec md5sum {} + -o -printf '%p %m\\n' | sort`);

describe('the engine', () => {
  it('does not answer: reported within the time limit', async () => {
    await server.sh('pkill -STOP -x dockerd');
    const since = Date.now();
    try {
      const said = await refused(server, 1, SET_UP);
      expect(said).toContain('Docker does not answer');
      expect(said).toContain('journalctl -u docker');
    } finally {
      await server.sh('pkill -CONT -x dockerd');
    }
    expect(Date.now() - since).toBeLessThan(25_000);
    expect(await server.changes()).toEqual([]);
  });

  it('is not running: the command that starts it works', async () => {
    await server.sh('systemctl stop docker.socket docker');
    const said = await refused(server, 1, SET_UP);
    expect(said).toContain('it is not running');
    await server.sh('systemctl reset-failed docker.service docker.socket');
    await server.sh(/systemctl start docker/.exec(said)?.[0] ?? 'false');
    await run(server, SET_UP);
  });

  it('is missing, and cannot be installed: nothing of the attempt is left', async () => {
    const line = `env PATH=/nowhere /usr/bin/node /usr/local/bin/registry-setup ${SET_UP} --engine docker`;
    const { stderr, code } = await server.sh(line, { check: false });
    expect(stderr).toContain('Docker is not here: it is installed from the package docker.io');
    expect(stderr).toContain('Everything was put back as it was.');
    expect(code).toBe(1);
    expect(await server.changes()).toEqual([]);
  });
});

describe('a disk that is full', () => {
  it('--dir: wherever it ends, nothing torn is left', async () => {
    // The copy of the program for the timer would fill hundreds of pages.
    const line = `${SET_UP} --no-renew --dir /srv/small/registry --storage /srv/images`;
    let pages = 0;
    for (let code = 1; code !== 0; ) {
      await smallDisk('/srv/small', ++pages);
      const result = await server.sh(`registry-setup ${line}`, { check: false });
      code = result.code;
      if (code === 0) {
        await server.sh('mount -o remount,size=1M /srv/small');
        await run(server, 'uninstall --yes --dir /srv/small/registry');
      } else expect(result.stderr).toMatch(/Cannot (write|make) .*: the disk is full/);
      await server.sh('test -z "$(find /srv/small -mindepth 1)" && umount /srv/small && rmdir /srv/small');
      expect(await server.changes(), `${pages} pages`).toEqual([]);
    }
    expect(pages).toBeGreaterThan(3);
  });

  it('--dir, on a second run: the registry goes on as it was', async () => {
    await smallDisk('/srv/small', 64);
    const line = '--dir /srv/small/registry';
    await run(server, `${SET_UP} --no-renew ${line} --storage /srv/images`);
    const [files, before] = [await everything('/srv/small'), await running(server)];
    let failed = 0;
    for (let free = 0; free <= 8; free++) {
      const page = 'dd if=/dev/zero bs=4096 status=none';
      await server.sh(
        `${page} of=/srv/small/filler 2>/dev/null || true; truncate -s -${free * 4096} /srv/small/filler`,
      );
      const { code, stderr } = await server.sh(`registry-setup --yes --port 5050 ${line}`, { check: false });
      await server.sh('rm /srv/small/filler');
      if (code === 0) break;
      failed++;
      expect(stderr).toContain('the disk is full');
      expect(await everything('/srv/small'), `${free} pages free`).toEqual(files);
      expect(await running(server)).toBe(before);
    }
    expect(failed).toBeGreaterThan(0);
    expect(await ask(server, 'http://127.0.0.1:5050/v2/')).toBe('200 {}');
  });

  it('--storage: the registry says so, and everything is undone', async () => {
    await smallDisk('/srv/small', 4);
    const said = await refused(server, 1, `${SET_UP} --storage /srv/small/images`);
    expect(said).toContain('the disk of /srv/small/images is full');
    expect(said).toContain(UNDONE);
    await server.sh('test -z "$(find /srv/small -mindepth 1)" && umount /srv/small && rmdir /srv/small');
    expect(await server.changes()).toEqual([]);
  });
});

describe('a registry that cannot work', () => {
  it('its storage is read-only', async () => {
    await server.sh('mkdir /srv/ro && mount --bind /srv/ro /srv/ro && mount -o remount,bind,ro /srv/ro');
    const said = await refused(server, 1, `${SET_UP} --storage /srv/ro`);
    expect(said).toContain('/srv/ro is on a read-only file system');
    expect(said).toContain(UNDONE);
    await server.sh('umount /srv/ro && rmdir /srv/ro');
    expect(await server.changes()).toEqual([]);
  });

  it('its storage belongs to somebody else: exit 2, and the command that helps, helps', async () => {
    await server.sh('mkdir -m 755 /srv/theirs && chown 1000 /srv/theirs');
    const said = await refused(server, 2, `${SET_UP} --storage /srv/theirs`);
    expect(said).toContain('/srv/theirs belongs to uid 1000');
    expect(await server.changes()).toEqual(['new: /srv/theirs']);
    await server.sh(/chown root \S+/.exec(said)?.[0] ?? 'false');
    await run(server, `${SET_UP} --storage /srv/theirs`);
  });

  it('its program ends: its last log lines are shown', async () => {
    await server.sh(`docker create --name seed --entrypoint sh registry:3
      docker commit --change 'ENTRYPOINT ["sh", "-c", "echo no such luck; exit 3"]' seed broken:1
      docker rm seed`);
    const before = await server.changes();
    const said = await refused(server, 1, `${SET_UP} --image broken:1`);
    expect(said).toContain('stopped right after its start');
    expect(said).toContain('no such luck');
    expect(said).toContain(UNDONE);
    expect(await server.changes()).toEqual(before);
  });

  it('its port is taken at the last moment', async () => {
    const { env } = await trapDocker(server, { at: 'run', before: await portThief(server, 5000) });
    const said = await refused(server, 1, SET_UP, { env });
    expect(said).toMatch(/address already in use|port is already allocated/);
    expect(said).toContain(UNDONE);
    expect(await server.changes()).toEqual([]);
  });

  it('on a second run: the former registry keeps serving, with its images', async () => {
    await run(server, SET_UP);
    const [digest, before] = [await push(server, '127.0.0.1:5000/app:1'), await running(server)];
    const { env } = await trapDocker(server, { at: 'start', before: await portThief(server, 5050) });
    const said = await refused(server, 1, '--yes --port 5050', { env });
    expect(said).toMatch(/address already in use|port is already allocated/);
    expect(said).toContain(UNDONE);
    expect(await pull(server, '127.0.0.1:5000/app:1')).toBe(digest);
    expect((await running(server)).split(' ')[0]).toBe(before.split(' ')[0]);
    expect((await server.sh("docker ps -a --format '{{.Names}}'")).stdout).toBe('registry\n');
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  });
});
