// Who may do what in token mode: what is written for docker_auth, judged by how docker_auth reads it.
import { describe, expect, test } from 'vitest';
import type { InputError } from '../../../../src/errors.ts';
import type { Host } from '../../../../src/host/host.ts';
import { aclOf } from '../../../../src/server/auth/acl.ts';
import { authConfigLogins } from '../../../../src/server/auth/docker-auth.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { checkReader, everyone, readersOf, sampleRepository } from '../../../../src/settings/readers.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import type { Settings } from '../../../../src/settings/settings.ts';
import { fillTemplate } from '../../../../src/templates.ts';

type Roles = Pick<Settings, 'users' | 'readers' | 'anonymousPull'>;
const roles = (readers: string[], more: Partial<Roles> = {}): Roles => ({
  users: ['admin'],
  readers,
  anonymousPull: false,
  ...more,
});

interface Rule {
  match: Record<'account' | 'type' | 'name', string | undefined>;
  actions: string[];
}

/** Go's path.Match, as far as a name can hold it: neither sign crosses a slash. */
const glob = (pattern: string) =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')}$`,
  );
/** Between slashes it is a regular expression that may match anywhere, else a glob; nothing matches everything. */
const fits = (pattern: string | undefined, text: string) =>
  pattern === undefined ||
  (/^\/.+\/$/.test(pattern) ? new RegExp(pattern.slice(1, -1)) : glob(pattern)).test(text);

/** What docker_auth grants: the first rule that fits, and nothing where none does. The end-to-end tests ask the real one the same. */
function granted(settings: Roles, account: string, scope: string): string {
  const [type = '', name = '', asked = ''] = scope.split(':');
  const rule = (aclOf(settings) as unknown as Rule[]).find(
    ({ match }) => fits(match.account, account) && fits(match.type, type) && fits(match.name, name),
  );
  const actions = asked.split(',');
  return (rule?.actions[0] === '*' ? actions : actions.filter((one) => rule?.actions.includes(one))).join(
    ',',
  );
}

const ALL = 'pull,push,delete';

describe('an administrator', () => {
  test.each(['admin', 'a.b', 'a-b_c', '0'])('%s may do everything', (name) => {
    const settings = roles([], { users: [name] });
    expect(granted(settings, name, `repository:a/b/c:${ALL}`)).toBe(ALL);
    expect(granted(settings, name, 'repository:a:*')).toBe('*');
    expect(granted(settings, name, 'registry:catalog:*')).toBe('*');
  });

  test.each([
    ['a.b', 'aXb'],
    ['ann', 'anna'],
    ['ann', 'an'],
    ['ann', 'joann'],
    ['ann', 'Ann'],
    ['ann', ''],
  ])('the rights of %s do not extend to %j', (name, other) => {
    const settings = roles([], { users: [name] });
    expect(granted(settings, other, `repository:a:${ALL}`)).toBe('');
    expect(granted(settings, other, 'registry:catalog:*')).toBe('');
  });
});

describe('a reader of everything', () => {
  const settings = roles(['bob']);
  test.each([
    ['repository:app:pull', 'pull'],
    ['repository:a/b/c/d:pull', 'pull'],
    [`repository:app:${ALL}`, 'pull'],
    ['repository:app:*', ''],
    ['registry:catalog:*', '*'],
    ['registry:other:*', ''],
    ['registry:catalogs:*', ''],
    ['other:app:pull', ''],
  ])('%s: %j', (scope, wanted) => expect(granted(settings, 'bob', scope)).toBe(wanted));

  test.each(['bobby', 'bo', 'xbob', 'BOB', ''])('its rights are not those of %j', (other) => {
    expect(granted(settings, other, 'repository:app:pull')).toBe('');
    expect(granted(settings, other, 'registry:catalog:*')).toBe('');
  });
});

describe('a reader of some repositories', () => {
  test.each([
    [
      'team/*',
      ['team/a', 'team/a/b', 'team/a.b', 'team/registry-setup-check-1'],
      ['team', 'teamx/a', 'xteam/a', 'x/team/a', 'team2/a', 'team/', 'a'],
    ],
    [
      'team/app',
      ['team/app'],
      ['team/appx', 'team/app/x', 'xteam/app', 'x/team/app', 'team', 'team/ap', 'team-app'],
    ],
    ['app', ['app'], ['apps', 'app/x', 'x/app', 'ap']],
    ['a/b/*', ['a/b/c', 'a/b/c/d'], ['a/b', 'a/bc/d', 'a/c', 'x/a/b/c']],
    ['a.b/*', ['a.b/c'], ['axb/c', 'a/b/c']],
    ['a.b', ['a.b'], ['axb', 'a/b', 'a.bc']],
    ['a__b-c/*', ['a__b-c/d'], ['a__b-cc/d', 'a__b/c/d']],
  ])('%s', (scope, seen, unseen) => {
    const settings = roles([`carol:${scope}`]);
    const pulls = (name: string) => granted(settings, 'carol', `repository:${name}:${ALL}`);
    for (const name of seen) expect(`${name} ${pulls(name)}`).toBe(`${name} pull`);
    for (const name of unseen) expect(`${name} ${pulls(name)}`).toBe(`${name} `);
    expect(granted(settings, 'carol', 'registry:catalog:*')).toBe('');
    expect(granted(settings, 'admin', `repository:${seen[0]}:${ALL}`)).toBe(ALL);
  });

  test('the patterns of one name belong together, in any order', () => {
    const settings = roles(['carol:team/*', 'bob', 'carol:base']);
    expect(readersOf(settings)).toEqual([
      { name: 'carol', scopes: ['team/*', 'base'] },
      { name: 'bob', scopes: [] },
    ]);
    expect(
      ['team/a', 'base', 'other'].map((name) => granted(settings, 'carol', `repository:${name}:pull`)),
    ).toEqual(['pull', 'pull', '']);
  });

  test.each([[['bob:a/*', 'bob']], [['bob', 'bob:a/*']]])(
    '%j: once without a pattern is everything',
    (readers) => {
      const settings = roles(readers);
      expect(readersOf(settings)).toEqual([{ name: 'bob', scopes: [] }]);
      expect(granted(settings, 'bob', 'repository:b:pull')).toBe('pull');
    },
  );

  test("the proof uses its own repository if the reader's patterns allow one", () => {
    expect(sampleRepository({ name: 'bob', scopes: [] }, 'x')).toBe('x');
    expect(sampleRepository({ name: 'bob', scopes: ['team/*', 'base'] }, 'x')).toBe('team/x');
    expect(sampleRepository({ name: 'bob', scopes: ['base', 'a/b/*'] }, 'x')).toBe('a/b/x');
    expect(sampleRepository({ name: 'bob', scopes: ['base'] }, 'x')).toBe('base');
  });
});

describe('everybody', () => {
  test('without a login pulls, and no more', () => {
    const settings = roles(['bob'], { anonymousPull: true });
    expect(granted(settings, '', `repository:a/b:${ALL}`)).toBe('pull');
    expect(granted(settings, '', 'repository:a:*')).toBe('');
    expect(granted(settings, '', 'registry:catalog:*')).toBe('');
    expect(granted(settings, 'bob', `repository:a/b:${ALL}`)).toBe('pull');
    expect(granted(settings, 'bob', 'registry:catalog:*')).toBe('*');
    expect(granted(settings, 'admin', `repository:a/b:${ALL}`)).toBe(ALL);
  });

  test('gets nothing without --anonymous-pull', () => {
    expect(granted(roles(['bob']), '', 'repository:a:pull')).toBe('');
  });

  test('every user needs one password, also with several --reader', () => {
    expect(everyone(roles(['carol:a', 'bob', 'carol:b'], { users: ['x', 'y'] }))).toEqual([
      'x',
      'y',
      'carol',
      'bob',
    ]);
  });
});

test('no rule looks at an address: behind a proxy everybody has the same one', () => {
  const rules = aclOf(roles(['bob', 'carol:team/*'], { anonymousPull: true })) as unknown as Rule[];
  expect(rules.flatMap(({ match }) => Object.keys(match))).not.toContain('ip');
  for (const { match } of rules) if (match.name?.startsWith('/')) expect(match.name).toMatch(/^\/\^.*\$\/$/);
});

test('hashes are read back, also from a file that was broken by hand', async () => {
  const users = {
    ann: { password: '$2b$10$aaa' },
    '007': { password: '$2b$05$bbb' },
    yes: { password: '$2b$10$c.c/' },
    '': {},
  };
  const text = fillTemplate('auth_config.yml', { users });
  const found = (content: string) =>
    authConfigLogins({ read: async () => Buffer.from(content) } as unknown as Host, '/opt/registry');
  const wanted = Object.entries(users).flatMap(([name, one]) =>
    'password' in one ? [{ name, hash: one.password }] : [],
  );
  expect(await found(text)).toEqual(wanted);
  expect(await found(`${text}acl: [\n`)).toEqual(wanted);
  expect(await found('')).toEqual([]);
  expect(await found('users: [')).toEqual([]);
});

describe('--reader', () => {
  test.each(['bob', 'j.doe_2-x', 'bob:app', 'bob:team/app', 'bob:team/*', 'bob:a/b/c/*', 'bob:a.b/c__d/e-f'])(
    '%s is fine',
    (value) => expect(checkReader(value)).toBeUndefined(),
  );

  test.each([
    ['bob:', '"" is not a repository'],
    ['bob:*', '"*" is not a repository'],
    ['bob:/*', '"/*" is not a repository'],
    ['bob:team/', '"team/" is not a repository'],
    ['bob:/team', '"/team" is not a repository'],
    ['bob:team/*/x', 'is not a repository'],
    ['bob:team*', 'is not a repository'],
    ['bob:team/**', 'is not a repository'],
    ['bob:team/?', 'is not a repository'],
    ['bob:team//a', 'is not a repository'],
    ['bob:Team/a', 'is not a repository'],
    ['bob:team/a:1', 'is not a repository'],
    ['bob:/^team.*$/', 'is not a repository'],
    ['bob:team/.+', 'is not a repository'],
    ['bob:../x', 'is not a repository'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: docker_auth puts a name there
    ['bob:${account}/*', 'is not a repository'],
    ['bob:team/a\n', 'is not a repository'],
    ['', 'a name is needed'],
    [':team/*', 'a name is needed'],
    ['*', '"*" is not a user name'],
    ['b?b', 'is not a user name'],
    ['[ab]', 'is not a user name'],
    ['/bob/', 'is not a user name'],
    ['/^.*$/:team/*', 'is not a user name'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: docker_auth puts a name there
    ['${account}', 'is not a user name'],
    ['.bob', 'is not a user name'],
    ['bob\n', 'is not a user name'],
  ])('%j: %s', (value, wanted) => expect(checkReader(value)?.message).toContain(wanted));

  test('the error shows the format', () => {
    expect(checkReader('bob:Team/*')?.fix).toBe('--reader bob:team/*');
  });
});

describe('what does not go together', () => {
  const problems = (line: string) => {
    try {
      const { answers } = readArguments(line.split(' '));
      const result = resolveSettings(answers, { host: 'reg.example', dir: '/opt/registry' });
      return 'problems' in result ? result.problems : [];
    } catch (error) {
      return (error as InputError).problems;
    }
  };

  test.each([
    ['--auth token', []],
    [
      '--auth token --reader bob --reader carol:team/* --anonymous-pull',
      ['--anonymous-pull: then everybody may pull everything, also carol'],
    ],
    ['--auth token --reader bob --anonymous-pull', []],
    ['--auth token --user ann --reader ann', ['--reader: ann is an administrator already (--user)']],
    ['--auth token --reader admin', ['--reader: admin is an administrator already (--user)']],
    ['--auth token --user ann --reader ann:team/*', ['--reader: ann is an administrator already (--user)']],
    ['--auth token --user a*', [expect.stringMatching(/^--user: "a\*" is not a user name/)]],
    ['--auth token --user /a/', [expect.stringMatching(/^--user: "\/a\/" is not a user name/)]],
    ['--auth token --reader bob:TEAM', [expect.stringMatching(/^--reader: "TEAM" is not a repository/)]],
    ['--auth token --auth-port 5000', ['--auth-port: the registry and its logins need a port each']],
    ['--auth token --port 5001', ['--port: the registry and its logins need a port each']],
    ['--auth token --port 5001 --auth-port 5002', []],
    ['--auth token --auth-port 0', [expect.stringMatching(/^--auth-port: a port is a number/)]],
    ['--reader bob', ['--reader: with --auth htpasswd, readers need the gateway']],
    ['--gateway --reader bob', []],
    ['--ui --reader bob --reader carol', []],
    ['--gateway --user bob --reader bob', ['--reader: bob is an administrator already (--user)']],
    [
      '--gateway --reader bob:team/*',
      ['--reader: only --auth token has readers of some repositories, such as bob'],
    ],
    [
      '--gateway --auth none --reader bob',
      ['--reader: only --auth token and htpasswd have readers, not none'],
    ],
    ['--auth token --gateway --port 5001', []],
    ['--engine native --ui', [expect.stringMatching(/^--ui: needs a container engine/)]],
    ['--ui-title Ours', ['--ui-title: goes with --ui']],
    ['--gateway --ui-title Ours', ['--ui-title: goes with --ui']],
    ['--ui-image nginx:1', ['--ui-image: goes with --ui or --gateway']],
    ['--auth none --reader bob', ['--reader: only --auth token and htpasswd have readers, not none']],
    ['--anonymous-pull', ['--anonymous-pull: only --auth token has pulls without login, not htpasswd']],
    [
      '--auth none --anonymous-pull',
      ['--anonymous-pull: only --auth token has pulls without login, not none'],
    ],
    ['--auth token --auth-image Docker_Auth', [expect.stringMatching(/^--auth-image: /)]],
  ])('%s', (line, wanted) => {
    const found = problems(line);
    expect(found.map(({ where, message }) => `${where}: ${message}`)).toEqual(wanted);
    for (const { fix } of found) expect(fix ?? 'none').not.toBe('');
  });
});
