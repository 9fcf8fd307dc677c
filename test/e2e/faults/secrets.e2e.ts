// No password, hash or key is where it can be seen: not in the arguments of a process, in what is printed, in the settings,
// in the state, in the engine or in the journal; and the files that hold them are their owner's alone.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ExecOptions, type Host, removeAll } from '../../lab/host.ts';
import { HOLD, trapDocker } from '../helpers/faults.ts';
import { run, startServer, until } from '../helpers/machines.ts';

let server: Host;
beforeAll(async () => {
  server = await startServer();
});
beforeEach(() => server.reset());
afterAll(removeAll);

/** Notes the arguments of every process, as fast as it can. */
const WATCH = `import glob, time
seen = set()
out = open('/tmp/seen', 'ab', 0)
while True:
    for path in glob.iglob('/proc/[0-9]*/cmdline'):
        try:
            line = open(path, 'rb').read()
        except OSError:
            continue
        if line not in seen:
            seen.add(line)
            out.write(line.replace(bytes(1), b' ') + bytes([10]))
    time.sleep(0.002)
`;

async function watched(work: () => Promise<void>): Promise<string> {
  await server.write('/tmp/watch.py', WATCH);
  await server.sh('setsid python3 /tmp/watch.py </dev/null >/dev/null 2>&1 &');
  await until(server, 'test -s /tmp/seen');
  await work();
  await server.sh("pkill -xf 'python3 /tmp/watch.py'");
  return server.read('/tmp/seen');
}

/** What must not be seen, as it is on the machine now. */
async function secretsThere(): Promise<string[]> {
  const { stdout } = await server.sh(`cd /opt/registry
    cut -d: -f2- auth/htpasswd
    sed -n 's/^ *secret: //p' config/config.yml
    cut -d: -f2- generated-passwords 2>/dev/null || true`);
  return stdout.split('\n').filter(Boolean);
}

/** Every place where one could look. */
const everywhere = async () =>
  (
    await server.sh(`cd /opt/registry
      cat settings.yml
      find .state -type f -exec cat {} +
      docker inspect registry; docker logs registry 2>&1
      journalctl --no-pager -o cat`)
  ).stdout;

describe('secrets', () => {
  it('are in no argv, no output and no file but their own', { timeout: 300_000 }, async () => {
    const said: string[] = [];
    const known = new Set(['chosen-by-ann', 'typed-for-bob', 'new-for-ann', 'wrong in line']);
    const note = async () => {
      for (const secret of await secretsThere()) known.add(secret);
    };
    const say = async (line: string, options: ExecOptions = {}) => {
      const { stdout, stderr } = await server.sh(`registry-setup ${line}`, { ...options, check: false });
      said.push(stdout, stderr);
    };
    const processes = await watched(async () => {
      const users = '--user ann --user bob --user generated';
      const input = 'ann:chosen-by-ann\nbob:typed-for-bob';
      await say(`--yes --tls insecure ${users} --password-stdin --dry-run --verbose`, { input });
      await say(`--yes --tls insecure ${users} --password-stdin --verbose`, { input });
      await note();
      await say(`--yes --password-stdin --verbose --json`, { input: 'ann:new-for-ann' });
      await note();
      await say('--yes --user ann --user generated --json');
      await say('--yes --password-stdin', { input: 'ann:fine\nwrong in line 2' });
      await server.sh(
        "sed -i 's/^ann:.*/ann:tampered/; s/info/debug/' /opt/registry/auth/htpasswd /opt/registry/config/config.yml",
      );
      await say('status --verbose');
      await say('status --json');
      await say('--yes --dry-run');
      await say('--yes --port 5050 --password-stdin --verbose', { input: 'ann:new-for-ann' });
      await note();
      said.push(await everywhere());
      await say('uninstall --yes --verbose');
    });
    expect(processes).toContain('docker run -d --name registry');
    const seen = [...said, processes].join('\n');
    expect([...known].filter((secret) => seen.includes(secret))).toEqual([]);
    expect(known.size).toBeGreaterThan(8);
  });

  it('a password in a bad place is not repeated by the error', async () => {
    const lines = ['--password=hunter22', '--password hunter22', '--yes --user ann --pasword-stdin hunter22'];
    for (const line of lines) {
      const { code, stdout, stderr } = await server.sh(`registry-setup ${line}`, { check: false });
      expect({ line, code, out: stdout + stderr }).toMatchObject({
        code: 2,
        out: expect.not.stringContaining('hunter22'),
      });
    }
  });
});

describe('files', () => {
  const modes = async () =>
    (
      await server.sh(
        "cd /opt/registry; find . -not -path './data/*' -not -path './program*' -printf '%m %u %y %p\\n' | sort -k4",
      )
    ).stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string, string, string]);
  const open = [
    '.',
    './data',
    './settings.yml',
    './certs',
    './certs/ca.crt',
    './certs/site.crt',
    './ca/ca.crt',
  ];

  it('are their owner’s alone, but for the settings, the certificates and the images', async () => {
    await run(server, '--yes --user ann');
    for (const [mode, user, type, path] of await modes()) {
      const wanted = open.includes(path) ? /^(755|750|700|644|600)$/ : type === 'd' ? /^700$/ : /^600$/;
      expect(mode, path).toMatch(wanted);
      expect(user, path).toBe('root');
    }
    // What the timer runs as root, nobody else may write.
    expect((await server.sh('find /opt/registry -perm /022 -not -type l')).stdout).toBe('');
    const { stdout } = await server.sh("docker inspect --format '{{json .Mounts}}' registry");
    expect(stdout).not.toMatch(/registry\/ca"|\.state/);
  });

  it('also during a run, whose copies for the undo are removed at the end', async () => {
    await run(server, '--yes --tls insecure --user ann --password-stdin', { input: 'one' });
    const { env, reached } = await trapDocker(server, { at: 'start', before: HOLD });
    const running = server.sh('registry-setup --yes --port 5050 --password-stdin', { env, input: 'two' });
    await reached();
    const state = (await modes()).filter(([, , , path]) => path.startsWith('./.state/'));
    expect(state.map(([, , , path]) => path)).toContain('./.state/journal');
    for (const [mode, , type, path] of state) expect(mode, path).toBe(type === 'd' ? '700' : '600');
    await server.sh("pkill -xf 'sleep 60'");
    await running;
    const left = (await modes()).filter(([, , , path]) => path.startsWith('./.state/'));
    expect(left.map(([, , , path]) => path).sort()).toEqual(['./.state/oldest.json', './.state/reserve']);
  });
});
