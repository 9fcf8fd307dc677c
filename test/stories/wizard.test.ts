// The wizard, answer by answer, on a fake host; the look of it on a terminal is in pty.test.ts.
import { describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { runCommand } from '../helpers/context.ts';
import type { FakeHost } from '../helpers/fake-host.ts';
import { machine } from '../helpers/plans.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
// Keys take their time, and have tests of their own.
vi.mock('../../src/certificates/site.ts', async (original) => ({
  ...(await original<typeof import('../../src/certificates/site.ts')>()),
  makeKeys: () => ({ ca: async () => '', site: async () => '', token: async () => '' }),
}));

const DIR = '/opt/registry';
const INSECURE: [string, string | boolean][] = [
  ['Encryption', 'none'],
  ['Continue?', true],
];

async function wizard(host: FakeHost, script: [string, string | boolean][], line = '--tls insecure') {
  const prompts = scripted(...script);
  const ran = await runCommand(host, line, { prompts });
  return { ...ran, asked: prompts.transcript };
}
const settingsOf = (host: FakeHost) => parse(host.text(`${DIR}/settings.yml`) ?? '');

describe('a first run', () => {
  test('Enter, but for encryption: the defaults, on screen before anything happens', async () => {
    const host = machine();
    const { asked, heard } = await wizard(host, INSECURE, '');
    expect(asked).toEqual([
      'Address that clients will use = 10.0.3.17            eth0',
      'Port = 5000',
      'Where the images are kept (41 GB free) = /opt/registry/data',
      'Who may use it = people with a password',
      'User name = admin',
      'Password for admin  [empty: a strong one is made] = ',
      'One more user? = no',
      'A web page to look at the images, at the same address? = no',
      'Encryption = none',
      'Everyone on the network path can read the passwords. Continue? = yes',
      'Go ahead? = yes',
    ]);
    expect(settingsOf(host)).toMatchObject({
      host: '10.0.3.17',
      port: 5000,
      auth: 'htpasswd',
      user: ['admin'],
      tls: 'insecure',
    });
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
    expect(heard.join('\n')).toMatch(/\n {2}admin {3}(\w{7}-){3}\w{7}\n/);
    expect(host.text(`${DIR}/generated-passwords`)).toBeUndefined();
  });

  test('behind a proxy that is here already, its URL is asked for, and no encryption', async () => {
    const host = machine();
    host.put('/proc/net/tcp', 'sl\n 0: 00000000:01BB 00000000:0000 0A\n');
    host.commands['ss -Hltnp sport = :443'] = { stdout: 'users:(("caddy",pid=8,fd=6))' };
    const script: [string, string][] = [
      ['Address', 'Caddy has port 443 here'],
      ['URL of the proxy', 'hub.example.com'],
      ['URL of the proxy', 'https://hub.example.com'],
    ];
    const { asked } = await wizard(host, script, '');
    expect(asked).toEqual([
      'Address that clients will use = the address of a proxy in front …   Caddy has port 443 here',
      'URL of the proxy, as clients will use it  (https://NAME): Begins with https://, or with http://.',
      'URL of the proxy, as clients will use it  (https://NAME) = https://hub.example.com',
      'Port, to which the proxy leads = 5000',
      'Where the images are kept (41 GB free) = /opt/registry/data',
      'Who may use it = people with a password',
      'User name = admin',
      'Password for admin  [empty: a strong one is made] = ',
      'One more user? = no',
      'A web page to look at the images, at the same address? = no',
      'Go ahead? = yes',
    ]);
    expect(settingsOf(host)).toMatchObject({
      'external-url': 'https://hub.example.com',
      host: 'hub.example.com',
      bind: '127.0.0.1',
      tls: 'insecure',
    });
    const config = parse(host.text(`${DIR}/config/config.yml`) ?? '');
    expect(config.http.host).toBe('https://hub.example.com');

    // Without the proxy again: its own encryption is asked for, since clients see it now.
    const back = await wizard(
      host,
      [['What', 'change settings'], ['Which one', 'Address'], ['Address', '10.0.3.17'], ...INSECURE],
      '',
    );
    expect(back.asked).toContain('Encryption = none');
    expect(settingsOf(host)).toMatchObject({ host: '10.0.3.17', bind: '0.0.0.0', tls: 'insecure' });
    expect(settingsOf(host)['external-url']).toBeUndefined();
  });

  test("a certificate of Let's Encrypt is offered for a name that may be public, and for no other", async () => {
    const host = machine();
    host.names['registry.corp.de'] = '10.0.3.17';
    const source = "TLS with a certificate from Let's Encrypt";
    const mail = 'Your mail address, for the CA; by giving it you agree to its terms';
    const { heard } = await wizard(
      host,
      [
        ['Encryption', source],
        [mail, 'ops@corp.de'],
        ['Go ahead?', 'no'],
      ],
      '--host registry.corp.de',
    );
    expect(heard.join('\n')).toContain(
      "  Encryption  TLS, a certificate of Let's Encrypt (ops@corp.de), looked at on port 80",
    );
    expect(settingsOf(host)).toBeNull();
    for (const name of ['10.0.3.17', 'registry.local', 'registry'])
      await expect(wizard(machine(), [['Encryption', source]], `--host ${name}`)).rejects.toThrow(source);
  });

  test('does not ask what was given by flags', async () => {
    const host = machine();
    const { asked } = await wizard(
      host,
      [],
      '--host a.example --port 1 --tls insecure --auth none --storage /srv/x --no-ui',
    );
    expect(asked).toEqual(['Go ahead? = yes']);
    expect(settingsOf(host)).toMatchObject({ host: 'a.example', port: 1, auth: 'none', storage: '/srv/x' });
  });

  test('a wrong answer is reported, and asked again', async () => {
    const host = machine();
    host.put('/proc/net/tcp', 'sl\n 0: 00000000:0050 00000000:0000 0A\n');
    host.commands['ss -Hltnp sport = :80'] = { stdout: 'users:(("lighttpd",pid=8,fd=6))' };
    host.docker.images['somebody/thing:1'] = 'x';
    const { asked } = await wizard(host, [
      ['Address', 'something else'],
      ['Address', 'https://reg.example'],
      ['Address', 'reg.example'],
      ['Port', '80a'],
      ['Port', '80'],
      ['Port', '8080'],
      ['images are kept', '/etc'],
      ['images are kept', '/srv/images'],
      ['User name', 'a:b'],
      ['User name', 'ann'],
      ['Password for ann', 'x'.repeat(73)],
      ['Password for ann', 'geheim'],
      ['Repeat the password', 'anders'],
      ['Try again', true],
      ['Password for ann', 'geheim'],
      ['Repeat the password', 'geheim'],
      ['One more user', true],
      ['User name', 'ann'],
      ['User name', 'bob'],
    ]);
    const refused = asked.filter((line) => !line.includes(' = '));
    expect(refused).toEqual([
      'Address that clients will use: Give the address alone, without a scheme.',
      'Port: A port is a number from 1 to 65535.',
      'Port: Port 80 is taken.',
      'Where the images are kept (41 GB free): /etc belongs to the system.',
      expect.stringMatching(/^User name: "a:b" is not a user name/),
      expect.stringMatching(/^Password for ann .*: A password has at most 72 bytes/),
      'User name: That user exists already.',
    ]);
    expect(settingsOf(host)).toMatchObject({
      host: 'reg.example',
      port: 8080,
      storage: '/srv/images',
      user: ['ann', 'bob'],
    });
    expect(host.text(`${DIR}/auth/htpasswd`)).toMatch(/^ann:\$2[aby]\$10\$.*\nbob:\$2[aby]\$05\$/);
  });

  test('an answer can be changed on the review screen; the other questions are not asked again', async () => {
    const host = machine();
    const { asked, heard } = await wizard(host, [
      ['Go ahead', 'change an answer'],
      ['Which one', 'Login'],
      ['Who may use it', 'people'],
      ['Who may use it', 'everyone'],
      ['Go ahead', 'show every file'],
    ]);
    const review = asked.slice(asked.findIndex((line) => line.startsWith('Go ahead')));
    expect(review).toEqual([
      'Go ahead? = change an answer …',
      'Which one? = Login',
      'Who may use it = everyone who can reach it',
      'Go ahead? = show every file',
      'Go ahead? = yes',
    ]);
    expect(heard.join('\n')).toContain('+version: 0.1');
    expect(settingsOf(host).auth).toBe('none');
  });

  test('an answer that a change breaks is reported, and can be answered again', async () => {
    const host = machine();
    host.put('/srv/file', 'x');
    const { asked, heard } = await wizard(host, [
      ['Go ahead', 'change an answer'],
      ['Which one', 'Images'],
      ['images are kept', '/opt/registry/data'],
      ['images are kept', '/srv/file'],
      ['Which one', 'Images'],
      ['images are kept', '/srv/images'],
    ]);
    expect(heard.join('\n')).toContain('/srv/file is a file, not a directory.');
    expect(asked.at(-1)).toBe('Go ahead? = yes');
    expect(settingsOf(host).storage).toBe('/srv/images');
  });

  test('"no" changes nothing', async () => {
    const host = machine();
    const before = host.snapshot();
    const { heard } = await wizard(host, [['Go ahead', 'no']]);
    expect(heard.at(-1)).toBe('Nothing was changed.');
    expect(host.snapshot()).toEqual(before);
  });

  test('the user can still decide against passwords in clear', async () => {
    const host = machine();
    const { asked } = await wizard(host, [
      ['Go ahead', 'change an answer'],
      ['Which one', 'Encryption'],
      ['Encryption', 'none'],
      ['Continue?', false],
      ['Encryption', 'none'],
      ['Continue?', true],
      ['Go ahead', 'no'],
    ]);
    expect(asked.filter((line) => line.startsWith('Encryption'))).toHaveLength(2);
  });
});

describe('a second run', () => {
  async function server() {
    const host = machine();
    await runCommand(host, '--yes --tls insecure');
    return host;
  }

  test('a setting is changed, and nothing else is asked', async () => {
    const host = await server();
    const { asked } = await wizard(
      host,
      [
        ['What would you like', 'change settings'],
        ['Which one', 'Port'],
        ['Port', '5050'],
      ],
      '',
    );
    expect(asked).toEqual([
      'What would you like to do? = change settings …',
      'Which one? = Port',
      'Port = 5050',
      'Go ahead? = yes',
    ]);
    expect(host.docker.container('registry')?.ports).toEqual([5050]);
  });

  test('a removal with images asks for the name of the host', async () => {
    const host = await server();
    host.put(`${DIR}/data/docker/registry/v2/blob`, 'precious');
    const { asked } = await wizard(
      host,
      [
        ['Type 10.0.3.17', 'yes'],
        ['Type 10.0.3.17', '10.0.3.17'],
      ],
      'uninstall --purge',
    );
    expect(asked[0]).toContain('That is not 10.0.3.17.');
    expect(await host.stat(DIR)).toBeUndefined();
  });

  test('a removal is confirmed first, names what is removed, and Enter means no', async () => {
    const host = await server();
    host.put(`${DIR}/data/docker/registry/v2/blob`, 'precious');
    const before = host.snapshot();
    await expect(wizard(host, [], 'uninstall')).rejects.toMatchObject({
      exitCode: 130,
      message: 'Nothing was changed.',
    });
    expect(host.snapshot()).toEqual(before);
    const question = 'Remove http://10.0.3.17:5000 (/opt/registry)?';
    const { heard } = await wizard(host, [[question, true]], 'uninstall');
    expect(heard.join('\n')).toMatch(
      /\n {2}Removes {5}http:\/\/10\.0\.3\.17:5000 \(\/opt\/registry\)\n {2}For good {4}the passwords of admin\n {2}Keeps {7}the images in \/opt\/registry\/data\n/,
    );
    expect(await host.list(DIR)).toEqual(['data']);
  });

  test('a user is removed only after an explicit yes', async () => {
    const host = machine();
    await runCommand(host, '--yes --tls insecure --user admin --user bob');
    const before = host.snapshot();
    const question = 'Remove bob from 10.0.3.17:5000?';
    await expect(wizard(host, [], 'user remove bob')).rejects.toMatchObject({ exitCode: 130 });
    expect(host.snapshot()).toEqual(before);
    const { asked } = await wizard(host, [[question, true]], 'user remove bob');
    expect(asked).toEqual([`${question} bob cannot log in any more = yes`]);
    expect(settingsOf(host).user).toEqual(['admin']);
  });

  test('offers an upgrade where a newer image is known, and only there', async () => {
    const host = machine();
    await runCommand(host, '--yes --tls insecure --user admin');
    const choose = () => wizard(host, [['What would you like', 'upgrade to registry:3']], '');
    await expect(choose()).rejects.toThrow('is no choice of change settings …');
    // Somebody has pulled that name anew.
    host.docker.images['registry:3'] = `sha256:${'4'.repeat(64)}`;
    const said = await choose().catch((error) => error);
    expect(String(said.message ?? '')).not.toContain('is no choice');
  });

  test('a "no" or "back" leads back to the menu', async () => {
    const host = machine();
    await runCommand(host, '--yes --tls insecure --user admin --user bob');
    const before = host.snapshot();
    const { asked } = await wizard(
      host,
      [
        ['What would you like', 'users'],
        ['Users', 'remove one'],
        ['Users', 'change a password'],
        ['Whose?', 'admin'],
        ['Whose?', 'back'],
        ['Users', 'back'],
        ['What would you like', 'images …'],
        ['Images', 'back'],
        ['What would you like', 'remove it'],
        ['What would you like', 'nothing'],
      ],
      '',
    );
    expect(asked).toEqual([
      'What would you like to do? = users …',
      'Users = remove one',
      'Whose? = admin',
      'Remove admin from 10.0.3.17:5000? admin cannot log in any more = no',
      'Users = change a password',
      'Whose? = back',
      'Users = back',
      'What would you like to do? = images …',
      'Images = back',
      'What would you like to do? = remove it',
      'Remove http://10.0.3.17:5000 (/opt/registry)? = no',
      'What would you like to do? = nothing',
    ]);
    expect(host.snapshot()).toEqual(before);
  });
});
