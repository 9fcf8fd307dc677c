// A rotation that fails in the middle: the old certificate serves again, and every file is as it was.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeAll, spawnPty } from '../../lab/host.ts';
import { files, inFile, onWire, roots, roundTrip, trustRoots } from '../helpers/certificates.ts';
import { HOLD, KILL, type Trap, trapDocker } from '../helpers/faults.ts';
import { refused, run, running, startTeam, type Team, until } from '../helpers/machines.ts';
import { chosen, full } from '../helpers/matrix.ts';

let team: Team;
let at: string;
beforeAll(async () => {
  team = await startTeam();
});
afterAll(removeAll);
let before: { files: string[]; wire: string; id: string | undefined };
beforeEach(async () => {
  const { server, dev } = team;
  await server.reset();
  at = `${server.name}:5000`;
  await run(server, `--yes --auth none --host ${server.name}`);
  await trustRoots(dev, (await roots(server)).join(''), at);
  before = {
    files: await files(server),
    wire: await onWire(dev, at),
    id: (await running(server)).split(' ')[0],
  };
  expect(before.wire).toBe(await inFile(server));
});

async function asBefore() {
  const { server, dev } = team;
  expect(await files(server)).toEqual(before.files);
  const now = await running(server);
  expect(now).toMatch(/ true$/);
  expect(now.split(' ')[0]).toBe(before.id);
  expect((await server.sh("docker ps -a --format '{{.Names}}'")).stdout).toBe('registry\n');
  expect(await onWire(dev, at)).toBe(before.wire);
  await roundTrip(dev, `${at}/team/app:1`);
}

// The program stops and starts the former container by its id, the new one by its name.
const startOfTheNew = (action: string) => `[ "$2" != registry ] || { ${action}; }`;

const faults: [string, Trap, RegExp][] = [
  [
    'the engine refuses to start the new container',
    { at: 'start', before: startOfTheNew('echo "no space left on device" >&2; exit 1') },
    /Docker could not start the container registry\.\n[\s\S]*no space left on device/,
  ],
  [
    'the new key cannot be read by the registry',
    { at: 'start', before: startOfTheNew('echo noise >/opt/registry/certs/site.key') },
    /The registry stopped right after its start[\s\S]*key/,
  ],
  [
    'the registry serves another certificate than the one that was made',
    { at: 'start', before: startOfTheNew('cp /root/other/* /opt/registry/certs/') },
    /The registry serves another certificate than the one in its directory\.\n[\s\S]*on the wire: [0-9A-F:]{95}/,
  ],
];

describe.each(['rotate --yes', 'rotate --yes --ca'])('%s', (line) => {
  // Another CA is one file more to put back: that is tried once for each end of a run.
  const everything = full || !line.includes('--ca');
  it.each(chosen(faults, (_, i) => everything || i === 0))('%s', async (_, trap, message) => {
    const { server } = team;
    await server.sh(`
      mkdir -p /root/other
      openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -days 10 -keyout /root/other/site.key -out /root/other/site.crt 2>/dev/null`);
    const { env } = await trapDocker(server, trap);
    const said = await refused(server, 1, line, { env });
    expect(said).toMatch(message);
    expect(said).toContain('Everything was put back as it was.');
    await asBefore();
  });

  it('the directory of the certificates cannot be written to', async () => {
    const { server } = team;
    await server.sh('cd /opt/registry; mount --bind certs certs; mount -o remount,ro,bind certs');
    const said = await refused(server, 1, line).finally(() => server.sh('umount /opt/registry/certs'));
    expect(said).toMatch(/\/opt\/registry\/certs.*read-only/);
    expect(said).toContain('Everything was put back as it was.');
    await asBefore();
  });

  const interrupted = async () => {
    const { server } = team;
    const { env, reached } = await trapDocker(server, { at: 'start', before: HOLD });
    const pty = spawnPty(server, `registry-setup ${line}`, { env });
    await reached();
    pty.key('ctrl-c');
    expect(await pty.exitCode, pty.screen()).toBe(130);
    await asBefore();
  };
  if (everything) it('Ctrl-C while the new container starts', interrupted);

  it.each(chosen(['create', 'stop', 'start'], (moment) => everything || moment === 'start'))(
    'killed at docker %s: the next run puts the old one back, and renewal does it by itself',
    async (moment) => {
      const { server } = team;
      const { env } = await trapDocker(server, { at: moment, before: KILL });
      expect((await server.sh(`registry-setup ${line}`, { env, check: false })).code).toBe(137);
      await until(server, '! pgrep -x docker');
      const { stderr } = await run(server, 'rotate --yes --if-expiring 30');
      expect(stderr).toContain('was interrupted');
      expect(stderr).toContain('Nothing to do');
      await asBefore();
    },
  );
});

it('killed between the files of a new CA: the next run does not use half of a CA', async () => {
  const { server, dev } = team;
  const [root = ''] = await roots(server);
  // As if cut off after the first of them: a certificate that the key does not belong to.
  const { env } = await trapDocker(server, { at: 'create', before: KILL });
  await server.sh('cp -a /opt/registry/ca /root/ca');
  expect((await server.sh('registry-setup rotate --yes --ca', { env, check: false })).code).toBe(137);
  await server.sh('cp -a /root/ca/ca.key /opt/registry/ca/ca.key');
  await run(server, '--yes --san more.example');
  expect(await roots(server)).toEqual([root]);
  await roundTrip(dev, `${at}/team/app:1`);
});

it('the key of the CA is kept elsewhere: signing is refused, no other CA is made silently, the rest works', async () => {
  const { server } = team;
  await server.sh('mv /opt/registry/ca/ca.key /root/ca.key');
  expect(await refused(server, 2, 'rotate --yes')).toMatch(
    /ca\.key is missing[\s\S]*rm -r \/opt\/registry\/ca/,
  );
  expect(await refused(server, 2, '--yes --san more.example')).toContain('ca.key is missing');
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  await run(server, 'status');
  await server.sh('mv /root/ca.key /opt/registry/ca/ca.key');
  await asBefore();
});
