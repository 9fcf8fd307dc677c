// SELinux: which label each mount gets, and which directories are never given one.
import { describe, expect, test } from 'vitest';
import { runArguments } from '../../../../src/engines/containers.ts';
import { preflight } from '../../../../src/server/checks/preflight.ts';
import { gatherFacts } from '../../../../src/server/plan/facts.ts';
import type { Secrets } from '../../../../src/server/plan/secrets.ts';
import { serverPlan } from '../../../../src/server/plan/server-plan.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import { type FakeHost, fakeHost } from '../../../helpers/fake-host.ts';

function settings(line: string) {
  const { answers } = readArguments(`--host reg.example ${line}`.trim().split(' '));
  const result = resolveSettings(answers, { dir: '/opt/registry' });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.settings;
}

const SITE = { chain: 'LEAF\n', key: 'KEY\n', roots: ['ROOT\n'], publicCa: false, fresh: true, warnings: [] };
const MATERIAL = {
  httpSecret: '0'.repeat(64),
  logins: [{ name: 'admin', hash: '$2b$05$admin' }],
  guests: [],
  generated: new Map(),
  known: new Map(),
  site: SITE,
  token: { cert: 'TOKEN\n', key: 'TOKENKEY\n', bundle: ['TOKEN\n'] },
} as Partial<Secrets> as Secrets;

/** The -v arguments of every container of the plan. */
function volumes(line: string, selinux: boolean): string[] {
  const plan = serverPlan(settings(line), MATERIAL, { logDriver: 'local', userns: false, selinux });
  return plan.flatMap((resource) => {
    if (resource.kind !== 'container') return [];
    const words = runArguments(resource.service, resource.digest);
    return words.filter((_, i) => words[i - 1] === '-v').map((words) => `${resource.service.name} ${words}`);
  });
}

test.each(['docker', 'podman'])(
  'each mount of %s is labelled for its container, certs for both',
  (engine) => {
    expect(volumes(`--auth token --engine ${engine}`, true)).toEqual([
      'registry /opt/registry/config:/etc/registry:ro,Z',
      'registry /opt/registry/certs:/certs:ro,z',
      'registry /opt/registry/data:/var/lib/registry:Z',
      'registry-auth /opt/registry/auth:/config:ro,Z',
      'registry-auth /opt/registry/certs:/certs:ro,z',
    ]);
    expect(volumes(`--auth htpasswd --engine ${engine}`, true)).toContain(
      'registry /opt/registry/auth:/auth:ro,Z',
    );
    expect(volumes(`--auth token --engine ${engine}`, false).join()).not.toMatch(/[zZ]$|,[zZ]/);
  },
);

test('SELinux counts as on in both modes: a change of mode replaces no container', async () => {
  for (const [mode, on] of [
    ['1\n', true],
    ['0\n', true],
    [undefined, false],
  ] as const) {
    const host = fakeHost();
    if (mode !== undefined) host.put('/sys/fs/selinux/enforce', mode);
    expect((await gatherFacts(host, '/opt/registry')).selinux).toBe(on);
  }
});

describe('--storage that others need', () => {
  async function found(line: string, prepare: (host: FakeHost) => void = () => {}, on = true) {
    const host = fakeHost();
    if (on) host.put('/sys/fs/selinux/enforce', '1\n');
    prepare(host);
    const findings = await preflight(settings(line), await gatherFacts(host, '/opt/registry'), host);
    return findings.filter(({ flag }) => flag === '--storage').map(({ message, fix }) => `${message} ${fix}`);
  }
  const home = (host: FakeHost) => {
    host.put('/etc/passwd', 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/srv/ann:/bin/sh\n');
    host.put('/srv/ann/.ssh/authorized_keys', '');
  };
  const shared = (host: FakeHost) => host.put('/mnt/disk/photos/one', '');
  const images = (host: FakeHost) => {
    host.put('/mnt/disk/docker/registry/v2/x', '');
    host.put('/mnt/disk/lost+found/x', '');
  };

  test.each<[string, string, ((host: FakeHost) => void) | undefined, string]>([
    ['of the system', '/usr/share/images', undefined, 'belongs to the system'],
    ['of the engine', '/var/lib/docker/images', undefined, 'belongs to the system'],
    ['a home directory', '/srv/ann', home, 'is a home directory'],
    ['with other things in it', '/mnt/disk', shared, 'holds other things (photos)'],
  ])('%s', async (_, path, prepare, message) => {
    expect((await found(`--storage ${path}`, prepare)).join()).toContain(message);
    expect(await found(`--storage ${path}`, prepare, false), 'without SELinux it is fine').toEqual([]);
  });

  test.each<[string, string, ((host: FakeHost) => void) | undefined]>([
    ['a new one', '/mnt/new', undefined],
    ['images that are there', '/mnt/disk', images],
    ['below a home', '/srv/ann/images', home],
  ])('fine: %s', async (_, path, prepare) => {
    expect(await found(`--storage ${path}`, prepare)).toEqual([]);
  });

  test.each(['/', '/home', '/usr', '/etc', '/var', '/root', '/etc/registry'])(
    '%s is refused anyway',
    (path) => expect(() => settings(`--storage ${path}`)).toThrow('--storage'),
  );
});
