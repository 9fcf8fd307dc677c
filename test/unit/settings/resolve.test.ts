// The meaning of every answer: what becomes of it, or what is wrong with it and the way out.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors.ts';
import { readAnswers, readArguments } from '../../../src/settings/arguments.ts';
import { mergeAnswers, resolveSettings } from '../../../src/settings/resolve.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { checkPassword } from '../../../src/settings/validation.ts';
import { asAnswers } from '../../../src/settings/written.ts';

const DEFAULTS = { host: '10.0.3.17', dir: '/opt/registry' };
/** Encryption has tests of its own; here it is out of the way. */
const BASE = ['--tls', 'insecure'];
const words = (line: string) => line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", '')) ?? [];
const resolved = (line: string) =>
  resolveSettings(readArguments([...BASE, ...words(line)]).answers, DEFAULTS);

function settings(line: string): Settings {
  const result = resolved(line);
  if ('problems' in result) throw new InputError(result.problems);
  return result.settings;
}

test('the defaults', () => {
  expect(settings('')).toMatchObject({
    host: '10.0.3.17',
    port: 5000,
    bind: '0.0.0.0',
    dir: '/opt/registry',
    storage: '/opt/registry/data',
    auth: 'htpasswd',
    users: ['admin'],
    tls: 'insecure',
    delete: true,
    image: 'registry:3',
    name: 'registry',
  });
});

test.each<[string, Partial<Settings>]>([
  ['--host Reg.Example.ORG', { host: 'reg.example.org' }],
  ['--host 10.0.0.9', { host: '10.0.0.9' }],
  ['--host [fd00::9]', { host: '[fd00::9]' }],
  ['--host localhost', { host: 'localhost' }],
  ['--host a1-b2.c3', { host: 'a1-b2.c3' }],
  ['--host 1and1.example', { host: '1and1.example' }],
  ['--host xn--bcher-kva.example', { host: 'xn--bcher-kva.example' }],
  ['--port 1', { port: 1 }],
  ['--port 65535', { port: 65535 }],
  ['--bind 127.0.0.1', { bind: '127.0.0.1' }],
  ['--bind ::', { bind: '::' }],
  ['--bind [::]', { bind: '::' }],
  ['--bind [fd00:9::1]', { bind: 'fd00:9::1' }],
  ['--host docker.io --no-hosts-line', { host: 'docker.io' }],
  ['--dir /srv/reg', { dir: '/srv/reg', storage: '/srv/reg/data' }],
  ['--dir /srv/reg/../x/', { dir: '/srv/x', storage: '/srv/x/data' }],
  ['--storage images', { storage: join(process.cwd(), 'images') }],
  ['--storage /mnt/images/', { storage: '/mnt/images' }],
  ["--storage '/mnt/my images'", { storage: '/mnt/my images' }],
  ['--auth none', { auth: 'none', users: [] }],
  ['--auth none --user x', { auth: 'none', users: ['x'] }],
  ['--user b,a --user b', { users: ['b', 'a'] }],
  ['--user j.doe_2-x', { users: ['j.doe_2-x'] }],
  ['--no-delete', { delete: false }],
  [
    `--image mirror.example:5000/library/registry:2@sha256:${'a'.repeat(64)}`,
    { image: `mirror.example:5000/library/registry:2@sha256:${'a'.repeat(64)}` },
  ],
  ['--name my_registry.2', { name: 'my_registry.2' }],
])('%s', (line, wanted) => expect(settings(line)).toMatchObject(wanted));

describe('bad input names the flag and the way out', () => {
  test.each<[string, RegExp, (string | RegExp)?]>([
    ['--host https://reg.example', /^--host: .*without a scheme/, '--host reg.example'],
    ['--host http://reg.example:5000/v2', /^--host: .*without a scheme/, '--host reg.example --port 5000'],
    ['--host reg.example/team', /^--host: .*without a path/, '--host reg.example'],
    ['--host reg.example:5000', /^--host: the port has a flag/, '--host reg.example --port 5000'],
    ['--host my_host', /^--host: an image name cannot contain an underscore/, '--host my-host'],
    ["--host 'a b'", /^--host: an address has no spaces/],
    ["--host 'a '", /^nothing/],
    ['--host fd00::9', /^--host: an IPv6 address is written in brackets/, '--host [fd00::9]'],
    ['--host [fd00::x]', /^--host: "fd00::x" is not an IPv6 address/],
    ['--host=', /^--host: an address is needed/, /--host NAME/],
    ['--host 0.0.0.0', /^--host: no client can call 0.0.0.0/, /--bind 0.0.0.0/],
    ['--host [::]', /^--host: no client can call ::/],
    ['--host 10.0.0.300', /^--host: "10.0.0.300" is neither a name nor an IPv4 address/],
    ['--host 10.0.0', /^--host: "10.0.0" is neither/],
    ['--host -a', /^--host: /],
    ['--host a..b', /^--host: "a..b" is not a host name/],
    ['--host a-.b', /^--host: .* is not a host name/],
    ['--host Bücher.example', /is xn--bcher-kva.example there/, '--host xn--bcher-kva.example'],
    ['--san *.bücher.example', /is xn--bcher-kva.example there/, /^--san \*\.xn--bcher-kva.example$/],
    ['--host \u{1f4a9}_.example', /^--host: .*underscore/],
    ['--host 0xAC12000c', /programs read it as an IPv4 address/, '--host 172.18.0.12'],
    ['--host 0x7f.1', /programs read it as an IPv4 address/, '--host 127.0.0.1'],
    ['--host a.0x1', /programs read it as an IPv4 address/],
    ['--host 0172.18.0.12', /^--host: "0172.18.0.12" is neither a name nor an IPv4 address/],
    ['--host registry.example.', /^--host: an image name has no dot at its end/, '--host registry.example'],
    ['--host fe80::1%eth0', /^--host: no client can call fe80::1%eth0/, '--host NAME'],
    ['--host [fe80::1%eth0]', /^--host: no client can call fe80::1%eth0/, '--host NAME'],
    ['--host [0:0::0]', /^--host: no client can call 0:0::0/],
    [
      '--host registry-1.docker.io --hosts-line',
      /^--hosts-line: would lead every pull from registry-1.docker.io/,
      '--host NAME',
    ],
    ['--host 1.dkr.ecr.eu-west-1.amazonaws.com --hosts-line', /^--hosts-line: would lead every pull/],
    [`--host ${'a'.repeat(64)}.example`, /^--host: .* 63 characters/],
    [`--host ${'a.'.repeat(130)}example`, /^--host: /],
    ['--port 0', /^--port: a port is a number from 1 to 65535, not 0/],
    ['--port 70000', /^--port: a port is a number from 1 to 65535, not 70000/],
    ['--bind [10.0.0.1]', /^--bind: .* is not an IP address/],
    ['--bind localhost', /^--bind: "localhost" is not an IP address/, '--bind 127.0.0.1'],
    ['--storage /', /^--storage: \/ belongs to the system/, '/registry would do'],
    ['--storage /etc', /^--storage: \/etc belongs to the system/],
    ['--storage /etc/registry', /^--storage: \/etc is no place for images/],
    [
      '--storage /var/lib/../lib/',
      /^--storage: \/var\/lib belongs to the system/,
      '/var/lib/registry would do',
    ],
    ['--storage /proc/1', /^--storage: /],
    ['--storage=', /^--storage: a directory is needed/],
    ['--storage /a:b', /^--storage: .* colon/],
    ['--dir /usr', /^--dir: \/usr belongs to the system/],
    ['--user a:b', /^--user: "a:b" is not a user name: letters, digits/],
    ['--user jörg', /^--user: /],
    ["--user 'a b'", /^--user: /],
    ['--user ok,-x', /^--user: "-x"/],
    ['--user=', /^--user: at least one user must be able to log in/, '--user admin'],
    [`--user ${'u'.repeat(65)}`, /^--user: /],
    ['--name -x', /^--name: /],
    ['--name a/b', /^--name: "a\/b" is not a container name/],
    ['--image registry:3@sha256:12', /^--image: "registry:3@sha256:12" is not an image reference/],
    ['--image Registry:3', /^--image: "Registry:3" is not an image reference/],
    ["--image 'registry;3'", /^--image: /],
  ])('%s', (line, wanted, fix) => {
    const argv = [...BASE, ...words(line)];
    let problems: { where: string; message: string; fix?: string | undefined }[] = [];
    try {
      const result = resolveSettings(readArguments(argv).answers, DEFAULTS);
      if ('problems' in result) problems = result.problems;
    } catch (error) {
      problems = (error as InputError).problems;
    }
    const said = problems.map(({ where, message }) => `${where}: ${message}`);
    expect(said.length > 0 ? said.join('\n') : 'nothing').toMatch(wanted);
    expect(said.length).toBeLessThanOrEqual(1);
    if (fix)
      expect(problems[0]?.fix).toMatch(
        fix instanceof RegExp ? fix : new RegExp(`^${fix.replace(/[[\]/.]/g, '\\$&')}$`),
      );
  });

  test('reports every problem at once', () => {
    const result = resolved('--host a_b --port 0 --user : --storage /etc --name !');
    expect('problems' in result && result.problems.map(({ where }) => where).sort()).toEqual([
      '--host',
      '--name',
      '--port',
      '--storage',
      '--user',
    ]);
  });

  test('names where a value was given: a line of the file is not a flag', () => {
    const result = resolveSettings(readAnswers('a.yml', { host: 'a_b', tls: 'insecure' }), DEFAULTS);
    expect('problems' in result && result.problems[0]?.where).toBe('a.yml: host');
  });

  test('a machine without an address must be given one', () => {
    const result = resolveSettings(readArguments(BASE).answers, { dir: '/opt/registry' });
    expect('problems' in result && result.problems).toMatchObject([{ where: '--host' }]);
  });
});

test('a flag goes before the environment, before the file, before the last run', () => {
  const say = (port: number, where: string) => ({
    port: { value: port, where },
    tls: { value: 'insecure', where },
  });
  const [flag, env, file, last] = [say(1, 'flag'), say(2, 'env'), say(3, 'file'), say(4, 'last')];
  expect(mergeAnswers(flag, env, file, last).port?.value).toBe(1);
  expect(mergeAnswers({}, env, file, last).port?.value).toBe(2);
  expect(mergeAnswers({}, {}, file, last).port?.value).toBe(3);
  expect(mergeAnswers({}, {}, {}, last).port?.value).toBe(4);
});

test.each([
  '',
  '--auth none',
  '--host [fd00::9] --port 30001 --bind 127.0.0.1 --storage /mnt/x --user a --user b --no-delete --image r:2 --name n',
])('what settings.yml holds gives the same settings again: %s', (line) => {
  const once = settings(line);
  const again = resolveSettings(readAnswers('settings.yml', asAnswers(once)), { dir: once.dir });
  expect(again).toEqual({ settings: once });
});

test.each([
  ['', 'cannot be empty'],
  ['x'.repeat(73), 'at most 72 bytes; this one has 73'],
  ['ü'.repeat(37), 'at most 72 bytes; this one has 74'],
  ['a\nb', 'control characters'],
  ['a\u0000b', 'control characters'],
  ['a\u007fb', 'control characters'],
])('a password %j %s, and is not repeated', (password, wanted) => {
  const found = checkPassword(password);
  expect(found?.message).toContain(wanted);
  if (password.length > 1) expect(JSON.stringify(found)).not.toContain(password);
});

test.each(['x', 'x'.repeat(72), 'ü'.repeat(36), ' leading and trailing ', 'a:b:c', '"\'`$(){}\\', '🗝️'])(
  'a password %j is fine',
  (password) => expect(checkPassword(password)).toBeUndefined(),
);
