// What was there before the first set-up, and what a killed run or a lost record has left: nothing is lost unseen, and nothing stays for good.
import { describe, expect, test, vi } from 'vitest';
import { CliError } from '../../src/errors.ts';
import { readYaml } from '../../src/templates.ts';
import { runCommand } from '../helpers/context.ts';
import { DAEMON, runDockerd } from '../helpers/daemon.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { fakeSystemd, on, said } from '../helpers/fake-system.ts';
import { newKey } from '../helpers/openssl.ts';
import { machine } from '../helpers/plans.ts';
import { DIR } from '../helpers/run.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: 401, headers: {}, body: Buffer.alloc(0) }),
}));
// RSA keys take their time: three of them, in turn.
vi.mock('../../src/certificates/site.ts', async (original) => ({
  ...(await original<typeof import('../../src/certificates/site.ts')>()),
  makeKeys: () => ({ ca: nextKey, site: nextKey, token: nextKey }),
}));
const KEYS = [newKey(), newKey(), newKey()];
let used = 0;
const nextKey = async () => KEYS[used++ % KEYS.length] as string;

const SETUP = '--yes --tls insecure';
const HASH = '$2y$05$abcdefghijklmnopqrstuu5Z7CVIrOdb3h5rAsoWj4EUbEFsU2y3K';
const IMAGE = 'docker/registry/v2/repositories/old/link';

describe('images that were there before the first set-up', () => {
  test.each([
    ['in the directory of the set-up', `${DIR}/data`, ''],
    ['elsewhere', '/mnt/disk', ' --storage /mnt/disk'],
    ['not yet: the directory was empty', '/mnt/disk', ' --storage /mnt/disk'],
  ])('stay with --purge, and that is said: %s', async (what, storage, flag) => {
    const host = machine();
    host.put(`${storage}/${what.startsWith('not yet') ? '.keep' : IMAGE}`, 'precious');
    const before = host.snapshot();
    await runCommand(host, `${SETUP}${flag}`);
    host.put(`${storage}/${IMAGE}`, 'precious');
    const { heard, documents } = await runCommand(host, 'uninstall --yes --purge');
    expect(host.text(`${storage}/${IMAGE}`)).toBe('precious');
    expect(heard.join('\n')).toContain(`The images stay in ${storage}: no set-up that is known here made`);
    expect(heard).toContain(`To remove them all:   rm -r ${storage}/docker/registry`);
    expect(heard.join('\n')).not.toContain('Everything is as it was before');
    expect(documents[0]).toMatchObject({ imagesKept: true });
    if (!what.startsWith('not yet')) expect(host.snapshot()).toEqual(before);
  });

  test('are those of an earlier registry, which left them: --purge of the next one takes them, and its mark', async () => {
    const host = machine();
    await runCommand(host, SETUP);
    host.put(`${DIR}/data/${IMAGE}`, 'precious');
    await runCommand(host, 'uninstall --yes');
    expect(host.text(`${DIR}/data/${IMAGE}`)).toBe('precious');
    await runCommand(host, SETUP);
    await runCommand(host, 'uninstall --yes');
    await runCommand(host, SETUP);
    await runCommand(host, 'uninstall --yes --purge');
    expect(await host.stat(`${DIR}/data`)).toBeUndefined();
  });

  test('nobody is asked to type a name for images that stay', async () => {
    const host = machine();
    host.put(`${DIR}/data/${IMAGE}`, 'precious');
    await runCommand(host, SETUP);
    const prompts = scripted(['Remove http', true]);
    await runCommand(host, 'uninstall --purge', { prompts });
    expect(prompts.transcript).toEqual([`Remove http://10.0.3.17:5000 (${DIR})? = yes`]);
  });

  test('--purge goes by where the images are, not by settings.yml, which was edited', async () => {
    const host = machine();
    host.put(`/srv/others/${IMAGE}`, 'of others');
    await runCommand(host, SETUP);
    host.put(`${DIR}/data/${IMAGE}`, 'ours');
    const text = host.text(`${DIR}/settings.yml`)?.replace(/^storage:.*/m, 'storage: /srv/others') ?? '';
    host.put(`${DIR}/settings.yml`, text);
    await runCommand(host, 'uninstall --yes --purge');
    expect(host.text(`/srv/others/${IMAGE}`)).toBe('of others');
    expect(await host.stat(`${DIR}/data`)).toBeUndefined();
  });
});

describe('a removal that was killed, and is given again', () => {
  const storage = '/mnt/images';
  const begin = async () => {
    const host = machine();
    host.put('/mnt/.keep', '');
    const before = host.snapshot();
    await runCommand(host, `${SETUP} --auth none --storage ${storage}`);
    host.put(`${storage}/${IMAGE}`, 'precious');
    host.done.length = 0;
    return { host, before };
  };

  test.each(['uninstall --yes', 'uninstall --yes --purge'])(
    '%s: all is gone, images only if they may',
    async (line) => {
      const { host: undisturbed } = await begin();
      await runCommand(undisturbed, line);
      const steps = undisturbed.done;
      const end = undisturbed.snapshot() as { files: Record<string, string> };
      const committed = steps.lastIndexOf(`append ${DIR}/.state/journal`) + 1;
      expect(committed).toBeGreaterThan(10);
      for (let k = committed - 3; k <= steps.length; k++) {
        const { host } = await begin();
        host.dieBefore(k);
        await expect(runCommand(host, line)).rejects.toThrow();
        host.boot();
        await runCommand(host, line);
        const { files } = host.snapshot() as { files: Record<string, string> };
        // Killed at its very end: an empty directory may stay.
        if (!Object.keys(files).some((path) => path.startsWith(`${DIR}/`))) delete files[DIR];
        expect(files, `killed before ${steps[k - 1]}`).toEqual(end.files);
      }
    },
  );

  test('--purge that was killed: a registry that is set up there before has its own images afterwards', async () => {
    const { host } = await begin();
    host.before = (operation) => {
      if (operation.startsWith(`remove ${storage}`) || operation.startsWith(`removeTree ${storage}`))
        throw new Error('killed');
    };
    await runCommand(host, 'uninstall --yes --purge').catch(() => {});
    host.before = () => {};
    host.boot();
    expect(host.text(`${storage}/${IMAGE}`)).toBeUndefined();
    host.put(`${storage}/${IMAGE}`, 'of another registry');
    await runCommand(host, 'uninstall --yes');
    expect(host.text(`${storage}/${IMAGE}`)).toBe('of another registry');
  });
});

describe('users of a directory that no set-up made', () => {
  const former = (names: string[], file = 'htpasswd') => {
    const host = machine();
    host.put(`${DIR}/auth/${file}`, names.map((name) => `${name}:${HASH}\n`).join(''));
    return host;
  };

  test('are not dropped: refused before anything is touched, with both ways out', async () => {
    const host = former(['bob', 'eve']);
    const before = host.snapshot();
    await expect(runCommand(host, SETUP)).rejects.toMatchObject({
      message: `${DIR}/auth/htpasswd has the users bob, eve, who could not log in any more.`,
      exitCode: 2,
      fix: expect.arrayContaining([
        expect.stringMatching(/^Keep them, with their passwords: .*--user admin --user bob --user eve$/),
        `  mv ${DIR}/auth/htpasswd ${DIR}/auth/htpasswd.before`,
      ]),
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('are kept with their passwords when they are named; the directory is as before after uninstall', async () => {
    const host = former(['bob']);
    const before = host.snapshot();
    await runCommand(host, `${SETUP} --user admin --user bob`);
    expect(host.text(`${DIR}/auth/htpasswd`)).toContain(`bob:${HASH}\n`);
    await runCommand(host, 'uninstall --yes');
    expect(host.snapshot()).toEqual(before);
  });

  test('count with any kind of hash, and in the file of docker_auth', async () => {
    const host = machine();
    host.put(`${DIR}/auth/htpasswd`, '# who\nold:$apr1$x$y\n\n');
    host.put(`${DIR}/auth/auth_config.yml`, `users:\n  "ann":\n    password: "${HASH}"\n`);
    await expect(runCommand(host, SETUP)).rejects.toMatchObject({
      message: expect.stringContaining('has the users old, ann'),
      fix: expect.arrayContaining([expect.stringContaining(`mv ${DIR}/auth/auth_config.yml`)]),
    });
  });

  test('do not matter where nobody logs in, nor in the registry that is here', async () => {
    const host = former(['bob']);
    await runCommand(host, `${SETUP} --auth none`);
    expect(host.text(`${DIR}/auth/htpasswd`)).toBe(`bob:${HASH}\n`);
    const mine = machine();
    await runCommand(mine, `${SETUP} --user a --user b`);
    await runCommand(mine, `${SETUP} --user a`);
    expect(mine.text(`${DIR}/auth/htpasswd`)).not.toContain('b:');
  });
});

describe('a set-up that was killed between its lock and its journal', () => {
  test.each([
    ['a lock', async (host: FakeHost) => host.put(`${DIR}/.state/lock`, '{"pid":4000000,"ticks":"1"}')],
    ['an empty lock', async (host: FakeHost) => host.put(`${DIR}/.state/lock`, '')],
    ['the directory for the lock', async (host: FakeHost) => host.mkdir(`${DIR}/.state`, 0o700)],
  ])('%s: uninstall removes it, and the images of before stay', async (_, leave) => {
    const host = machine();
    host.put(`${DIR}/data/${IMAGE}`, 'precious');
    const before = host.snapshot();
    await leave(host);
    await runCommand(host, 'uninstall --yes');
    expect(host.snapshot()).toEqual(before);
  });

  test('the lock of a run that is at work is left alone', async () => {
    const host = machine();
    host.put('/proc/4711/stat', `4711 (node) S ${'0 '.repeat(18)}12345 0`);
    host.put(
      `${DIR}/.state/lock`,
      JSON.stringify({ pid: 4711, ticks: '12345', command: 'x', since: 'noon' }),
    );
    const before = host.snapshot();
    const refused = runCommand(host, 'uninstall', { prompts: scripted() });
    await expect(refused).rejects.toThrow('Another run is at work here');
    expect(host.snapshot()).toEqual(before);
  });
});

describe('without a record', () => {
  const unit = (name: string) => `/etc/systemd/system/${name}`;
  const MARKED = '# Written by registry-setup: the private image registry.\n';

  test('a service and a timer are seen by their marks, and removed; those of others stay', async () => {
    const host = machine();
    fakeSystemd(host, 'registry', { active: true, enabled: true });
    fakeSystemd(host, 'registry-setup-renew', { active: false, enabled: true });
    for (const line of ['disable --now registry-setup-renew.timer', 'disable registry-setup-renew.service'])
      on(host, `systemctl ${line}`, () => undefined);
    for (const word of ['is-active', 'is-enabled'])
      on(host, `systemctl ${word} --quiet registry-setup-renew.timer`, () => ({ code: 0 }));
    host.put(
      unit('registry.service'),
      `${MARKED}[Service]\nExecStart=/usr/bin/registry serve ${DIR}/config/config.yml\n`,
    );
    host.put(
      unit('registry-setup-renew.service'),
      `${MARKED}[Service]\nExecStart=/usr/bin/node ${DIR}/program/0a/dist/cli.js rotate\n`,
    );
    host.put(unit('registry-setup-renew.timer'), `${MARKED}[Timer]\n`);
    const others = {
      [unit('second.service')]:
        `${MARKED}[Service]\nExecStart=/usr/bin/registry serve /opt/second/config/config.yml\nReadWritePaths=${DIR}/data\n`,
      [unit('longer.service')]:
        `${MARKED}[Service]\nExecStart=/usr/bin/registry serve /mnt${DIR}/config/config.yml\n`,
      [unit('theirs.service')]: `[Service]\nExecStart=/usr/bin/registry serve ${DIR}/config/config.yml\n`,
    };
    for (const [path, text] of Object.entries(others)) host.put(path, text);
    for (const name of ['config/config.yml', 'settings.yml', 'auth/htpasswd', 'program/0a/dist/cli.js'])
      host.put(`${DIR}/${name}`, '');
    host.put(`${DIR}/notes.txt`, 'of the user');
    host.put(`${DIR}/data/${IMAGE}`, 'precious');

    await host.remove(`${DIR}/settings.yml`);
    await expect(runCommand(host, 'status')).rejects.toMatchObject({
      message: expect.stringContaining(
        'is gone, and a registry is here: service registry, timer registry-setup-renew',
      ),
      fix: expect.arrayContaining(['engine: "native"', 'name: "registry"']),
    });
    await runCommand(host, 'uninstall --yes');
    expect(await host.list('/etc/systemd/system')).toEqual(
      ['.keep', 'longer.service', 'second.service', 'theirs.service'].sort(),
    );
    for (const [path, text] of Object.entries(others)) expect(host.text(path)).toBe(text);
    expect(said(host)).toEqual(
      expect.arrayContaining([
        'systemctl disable --now registry.service',
        'systemctl disable --now registry-setup-renew.timer',
      ]),
    );
    expect(await host.list(DIR)).toEqual(['data', 'notes.txt']);
    expect(host.text(`${DIR}/data/${IMAGE}`)).toBe('precious');
  });

  test("files of somebody's own, without anything that serves, are no registry", async () => {
    const host = machine();
    for (const name of ['config/config.yml', 'auth/htpasswd', `data/${IMAGE}`])
      host.put(`${DIR}/${name}`, 'x');
    const before = host.snapshot();
    const { heard } = await runCommand(host, 'uninstall --yes --purge');
    expect(heard.join()).toContain('Nothing to do');
    expect(host.snapshot()).toEqual(before);
  });

  test('a second registry on this machine is not touched', async () => {
    const host = machine();
    await runCommand(host, SETUP);
    await runCommand(host, `${SETUP} --dir /opt/second --name second --port 5002`);
    await host.removeTree(`${DIR}/.state`);
    await runCommand(host, 'uninstall --yes');
    expect(host.docker.containers.map(({ name }) => name)).toEqual(['second']);
    expect((await runCommand(host, 'status --dir /opt/second')).code).toBe(0);
  });
});

describe('settings.yml that is gone', () => {
  test.each([
    '--tls insecure --port 5443 --bind 127.0.0.1 --user ann --no-delete --storage /srv/img --name reg',
    '--port 5443 --user ann --user ben --san other.lan --host 10.0.3.17',
    '--tls self-signed --auth none',
    '--tls insecure --auth token --auth-port 5055 --user ann --reader all --reader one:team/a.b --reader one:team/* --host reg.lan',
    '--tls insecure --auth token --anonymous-pull',
  ])('is written again from what runs, as lines to paste, and nothing else changes: %s', async (flags) => {
    const host = machine();
    host.docker.images['cesanta/docker_auth:1'] = 'sha256:a';
    host.commands['docker run --rm'] = { stdout: 'registry github.com/distribution/distribution/v3 v3.1.1' };
    host.names['reg.lan'] = '10.0.3.17';
    await runCommand(host, `--yes ${flags}`);
    const first = host.text(`${DIR}/settings.yml`);
    await host.remove(`${DIR}/settings.yml`);
    const error = await runCommand(host, '--yes').catch((caught: CliError) => caught);
    const { fix } = error as CliError;
    const from = fix.findIndex((line) => line.startsWith('sudo tee'));
    const lines = fix.slice(from + 1, fix.indexOf('END'));
    expect(fix[from]).toBe(`sudo tee ${DIR}/settings.yml >/dev/null <<'END'`);
    host.put(`${DIR}/settings.yml`, `${lines.join('\n')}\n`);
    const { documents } = await runCommand(host, '--yes');
    expect(documents[0]?.changed).toEqual([{ title: `${DIR}/settings.yml`, what: 'change' }]);
    expect(readYaml(host.text(`${DIR}/settings.yml`) ?? '', 'now')).toEqual(readYaml(first ?? '', 'before'));
  });
});

describe('a CA that is gone from the disk', () => {
  const withoutCa = async () => {
    const host = machine();
    await runCommand(host, '--yes --no-renew');
    await host.removeTree(`${DIR}/ca`);
    return host;
  };

  test('is replaced by rotate --ca, which says so', async () => {
    const host = await withoutCa();
    await expect(runCommand(host, 'rotate --ca --yes')).rejects.toMatchObject({
      exitCode: 2,
      why: 'The CA of today is lost, and cannot certify the new one.',
    });
    await runCommand(host, 'rotate --ca --cut-off --yes');
    expect(host.text(`${DIR}/ca/ca.crt`)).toContain('BEGIN CERTIFICATE');
    expect((await runCommand(host, 'status')).code).toBe(0);
  });

  test('is asked about at a terminal before it is made; no is the answer of Enter', async () => {
    const host = await withoutCa();
    const before = host.snapshot();
    const no = scripted(['Make a new one?', false]);
    await expect(runCommand(host, 'user remove x', { prompts: no })).rejects.toThrow();
    const prompts = scripted();
    await expect(runCommand(host, 'rotate', { prompts })).rejects.toThrow('Nothing was changed.');
    expect(prompts.transcript.at(-1)).toBe('Make a new one? = no');
    expect(host.snapshot()).toEqual(before);
  });

  test('does not hinder another mode', async () => {
    const host = await withoutCa();
    await runCommand(host, '--yes --tls insecure');
    expect(host.docker.container('registry')?.running).toBe(true);
  });

  test('a certificate that signs itself is the same: the timer does not replace it, rotate does', async () => {
    const host = machine();
    await runCommand(host, '--yes --no-renew --tls self-signed');
    await host.removeTree(`${DIR}/certs`);
    const before = host.snapshot();
    for (const line of ['--yes', 'rotate --if-expiring 30 --yes'])
      await expect(runCommand(host, line)).rejects.toMatchObject({
        message: `The certificate in ${DIR}/certs is gone: a new one is needed, and every client must be given it.`,
        exitCode: 1,
        fix: expect.arrayContaining(['Or make a new one:   registry-setup rotate']),
      });
    expect(host.snapshot()).toEqual(before);
    await runCommand(host, 'rotate --yes');
    expect(host.text(`${DIR}/certs/site.crt`)).toContain('BEGIN CERTIFICATE');
  });
});

describe('a disk without room', () => {
  const RESERVE = `${DIR}/.state/reserve`;
  const full = (host: FakeHost, until: () => Promise<boolean>) => {
    const { create } = host;
    host.create = async (path, content) => {
      if (await until()) return create(path, content);
      throw new CliError(`Cannot write ${path}: the disk is full.`, { code: 'disk full' });
    };
  };

  test('does not bar uninstall: the copy of the program goes first, and it is said', async () => {
    const host = machine();
    const before = host.snapshot();
    await runCommand(host, SETUP);
    host.put(`${DIR}/program/0a/dist/cli.js`, 'x');
    full(host, async () => (await host.stat(`${DIR}/program`)) === undefined);
    const { heard } = await runCommand(host, 'uninstall --yes');
    expect(heard).toContain(`The disk is full. Removed ${DIR}/program first, to make room for the way back.`);
    expect(host.snapshot()).toEqual(before);
  });

  test('bars no change: there is a reserve, which is kept again afterwards', async () => {
    const host = machine();
    await runCommand(host, SETUP);
    expect((await host.stat(RESERVE))?.size).toBe(4 * 1024 * 1024);
    full(host, async () => (await host.stat(RESERVE)) === undefined);
    await runCommand(host, 'user add zed --yes');
    expect(host.text(`${DIR}/auth/htpasswd`)).toContain('zed:');
    expect((await host.stat(RESERVE))?.size).toBe(4 * 1024 * 1024);
  });

  test('is told of with a way out where nothing can go first; nothing else is touched', async () => {
    const host = machine();
    await runCommand(host, SETUP);
    await host.remove(RESERVE);
    await host.removeTree(`${DIR}/program`);
    const before = host.snapshot();
    full(host, async () => false);
    await expect(runCommand(host, 'uninstall --yes')).rejects.toMatchObject({
      message: `Cannot write ${DIR}/.state/lock: the disk is full.`,
      fix: expect.arrayContaining([`  du -xh -d 2 ${DIR}`]),
    });
    expect(host.snapshot()).toEqual(before);
  });
});

describe('on a developer machine', () => {
  const BASE = '/var/lib/registry-setup/client';
  const MEMORY = `${BASE}/a.lan_5000/.state`;
  const TRIAL = '/etc/docker/.daemon.json.registry-setup';
  const CA = '/etc/docker/certs.d/a.lan:5000/ca.crt';
  const oldest = JSON.stringify({
    format: 1,
    oldest: [{ key: { kind: 'file', id: CA }, title: CA, undo: { steps: [{ do: 'remove', path: CA }] } }],
  });
  const known = () => {
    const host = fakeHost();
    host.put(CA, 'a CA');
    host.put(`${MEMORY}/oldest.json`, oldest);
    return host;
  };
  const undo = (host: FakeHost) => runCommand(host, '--client --undo --yes --host a.lan:5000');

  test.each([
    ['a lock without a process', (host: FakeHost) => host.put(`${MEMORY}/lock`, '{}')],
    ['a lock that is a directory', (host: FakeHost) => host.put(`${MEMORY}/lock/x`, '')],
    ['an empty lock', (host: FakeHost) => host.put(`${MEMORY}/lock`, '')],
    [
      'a journal line without its way back',
      (host: FakeHost) => host.put(`${MEMORY}/journal`, '{"pid":1}\n{"key":{"kind":"file","id":"/x"}}\n'),
    ],
    ['a journal of NULs', (host: FakeHost) => host.put(`${MEMORY}/journal`, '\0'.repeat(99))],
  ])('%s does not bar --undo', async (_, broken) => {
    const host = known();
    broken(host);
    await undo(host);
    expect(host.text(CA)).toBeUndefined();
    expect(await host.stat(MEMORY)).toBeUndefined();
  });

  test('a damaged record is refused with the way out, and nothing is touched', async () => {
    const host = known();
    host.put(`${MEMORY}/oldest.json`, '{"format":1,"oldest":7}');
    const before = host.snapshot();
    await expect(undo(host)).rejects.toMatchObject({
      exitCode: 1,
      fix: expect.arrayContaining([`  mv ${MEMORY}/oldest.json ${MEMORY}/oldest.json.damaged`]),
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('a run that was killed at its very start is tidied up by --undo', async () => {
    const host = fakeHost();
    const before = host.snapshot();
    host.put(`${MEMORY}/lock`, '{"pid":4000000,"ticks":"1"}');
    await undo(host);
    const { files } = host.snapshot() as { files: object };
    expect(Object.keys(files)).toEqual(Object.keys((before as { files: object }).files));
  });

  test('the copy for dockerd that a killed run has left goes with its roll-back', async () => {
    const host = fakeHost();
    host.put('/etc/docker/.keep', '');
    runDockerd(host);
    const step = { do: 'daemonJson', daemon: DAEMON, directive: 'insecure-registries', entry: 'a.lan:5000' };
    const steps = [{ ...step, present: false, made: true, madeKey: true, mode: 0o644, uid: 0, gid: 0 }];
    const entry = { key: { kind: 'daemonJson', id: 'x' }, title: 'x', undo: { steps } };
    host.put(
      `${MEMORY}/journal`,
      `{"format":1,"pid":1,"command":"x","since":"noon"}\n${JSON.stringify(entry)}\n`,
    );
    host.put(TRIAL, '{"insecure-registries":["a.lan:5000"]}');
    await undo(host);
    expect(host.text(TRIAL)).toBeUndefined();
    expect(await host.stat(MEMORY)).toBeUndefined();
  });
});
