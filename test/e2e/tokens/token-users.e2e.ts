// People in token mode: what each may do as docker_auth itself decides it, and changes that no client notices.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { roots, trustRoots } from '../helpers/certificates.ts';
import {
  login,
  loginRefused,
  push,
  refused,
  run,
  running,
  startTeam,
  type Team,
} from '../helpers/machines.ts';
import { askAll, pushLoop, type Question } from '../helpers/tokens.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let team: Team;
let server: Host;
let at: string;
beforeAll(async () => {
  team = await startTeam({ images: ['registry:3', 'cesanta/docker_auth:1'] });
  server = team.server;
  at = `${server.name}:5000`;
});
afterAll(removeAll);

/** Everybody's password is their name and `-pw`. */
const own = (...names: string[]) => ({ input: names.map((name) => `${name}:${name}-pw`).join('\n') });
const setUp = async (words: string, ...names: string[]) => {
  await server.reset();
  await run(server, `--yes --auth token --host ${server.name} --password-stdin ${words}`, own(...names));
  await trustRoots(team.dev, (await roots(server)).join(''), at);
};
const ask = async (asked: Question[]) => askAll(server, at, (await roots(server)).join(''), asked);
const both = async () => [await running(server), await running(server, 'registry-auth')];
const who = (name: string) => (name ? `${name}:${name}-pw` : '');

describe('what docker_auth grants', () => {
  beforeAll(() =>
    setUp(
      "--user admin --user a.b --user yes --user 0x1f --reader bo --reader 'carol:team/*' --reader carol:base --reader dave:team/app",
      ...['admin', 'a.b', 'yes', '0x1f', 'bo', 'carol', 'dave'],
    ),
  );

  it.each<[string, [scope: string, granted: string][]]>([
    [
      'admin',
      [
        ['repository:a/b/c:pull,push,delete', 'delete,pull,push'],
        ['repository:a:*', '*'],
        ['registry:catalog:*', '*'],
      ],
    ],
    [
      'a.b',
      [
        ['repository:a/b/c:pull,push', 'pull,push'],
        ['registry:catalog:*', '*'],
      ],
    ],
    ['yes', [['repository:a:pull,push', 'pull,push']]],
    ['0x1f', [['repository:a:pull,push', 'pull,push']]],
    [
      'bo',
      [
        ['repository:a/b/c:pull,push,delete', 'pull'],
        ['repository:a:*', ''],
        ['repository(plugin):a:push', ''],
        ['registry:catalog:*', '*'],
        ['registry:other:*', ''],
      ],
    ],
    [
      'carol',
      [
        ['repository:team/a:pull,push,delete', 'pull'],
        ['repository:team/a/b/c:pull', 'pull'],
        ['repository:base:pull', 'pull'],
        ...['team', 'teamx/a', 'xteam/a', 'x/team/a', 'team/', 'basement', 'base/x', 'a'].map(
          (name): [string, string] => [`repository:${name}:pull,push,delete`, ''],
        ),
        ['registry:catalog:*', ''],
      ],
    ],
    [
      'dave',
      [
        ['repository:team/app:pull,push,delete', 'pull'],
        ...['team/appx', 'team/app/x', 'xteam/app', 'team/ap', 'team'].map((name): [string, string] => [
          `repository:${name}:pull`,
          '',
        ]),
      ],
    ],
  ])('%s', async (name, wanted) => {
    const granted = await ask(wanted.map(([scope]) => ({ who: who(name), scope })));
    expect(granted.map((actions, i) => [wanted[i]?.[0], actions])).toEqual(wanted);
  });

  it("a name that only resembles a user's has no rights", async () => {
    const names = ['a-b', 'aXb', 'b', 'boo', 'Bo', 'ADMIN', 'admin ', 'x'];
    const asked = names.map((name) => ({ who: `${name}:${name}-pw`, scope: 'repository:a:pull' }));
    expect(await ask(asked)).toEqual(names.map(() => '401'));
  });

  it('no user can act as another: not by a query, not by a form, and not without a password', async () => {
    const scope = 'repository:a:pull,push,delete';
    const asked = [
      { who: who('bo'), scope, query: 'account=admin' },
      { who: '', scope, query: 'account=admin' },
      { who: ':', scope },
      { who: 'admin:', scope },
      { who: '', scope, form: 'username=bo&password=bo-pw&account=admin' },
      { who: '', scope, form: 'account=admin' },
    ];
    expect(await ask(asked)).toEqual(['400', '401', '401', '401', '401', '401']);
    await run(server, '--yes --anonymous-pull --reader bo');
    expect(await ask(asked)).toEqual(['400', '401', 'pull', '401', '401', '401']);
    expect(
      await ask([
        { who: '', scope: 'registry:catalog:*' },
        { who: ':x', scope },
      ]),
    ).toEqual(['', 'pull']);
  });
});

it('a reader of some repositories gets nothing from the others', async () => {
  await setUp("--user admin --reader 'carol:team/*'", 'admin', 'carol');
  await login(team.dev, at, 'admin', 'admin-pw');
  const digest = await push(team.dev, `${at}/secret/app:1`);
  await push(team.dev, `${at}/team/app:1`);
  const manifest = await server.sh(
    `cat /opt/registry/data/docker/registry/v2/blobs/sha256/*/${digest?.slice(7)}/data`,
  );
  const [layer] = /sha256:[0-9a-f]{64}/.exec(manifest.stdout.split('"layers"')[1] ?? '') ?? [];
  const carol = who('carol');
  const asked: [call: string, status: string][] = [
    ['GET /v2/team/app/manifests/1', '200'],
    ['GET /v2/secret/app/manifests/1', '401'],
    ['GET /v2/secret/app/tags/list', '401'],
    [`GET /v2/secret/app/blobs/${layer}`, '401'],
    [`HEAD /v2/secret/app/blobs/${layer}`, '401'],
    [`POST /v2/team/app2/blobs/uploads/?mount=${layer}&from=secret/app`, '401'],
    [`GET /v2/secret/app/referrers/${digest}`, '401'],
    ['GET /v2/_catalog', '401'],
    ['PUT /v2/team/app/manifests/2', '401'],
    ['DELETE /v2/team/app/manifests/1', '401'],
    [`DELETE /v2/team/app/manifests/${digest}`, '401'],
    [`DELETE /v2/team/app/blobs/${layer}`, '401'],
    ['GET /v2/team/../secret/app/manifests/1', '401'],
  ];
  // The registry has no referrers of its own: 404 from a path that it does not know is no answer either.
  const answers = await ask(asked.map(([call]) => ({ who: carol, call })));
  expect(answers.map((status, i) => [asked[i]?.[0], status === '404' ? '401' : status])).toEqual(asked);
});

describe('changes', () => {
  beforeEach(() => setUp('--user admin --reader bob', 'admin', 'bob'));

  it('add, password, remove: known to docker_auth at once, and nothing is restarted', async () => {
    const { dev } = team;
    const before = await both();
    expect(
      (await run(server, "user add --reader 'eve:team/*' --yes --password-stdin", { input: 'eve-1' })).stderr,
    ).toContain('eve can log in now.');
    await login(dev, at, 'eve', 'eve-1');
    await run(server, 'user add root2 --yes --password-stdin', { input: 'root2-1' });
    await login(dev, at, 'root2', 'root2-1');
    await push(dev, `${at}/new/app:1`);
    const { users } = JSON.parse((await run(server, 'user list --json')).stdout);
    expect(users).toEqual([
      { name: 'admin', role: 'administrator', scopes: [] },
      { name: 'root2', role: 'administrator', scopes: [] },
      { name: 'bob', role: 'reader', scopes: [] },
      { name: 'eve', role: 'reader', scopes: ['team/*'] },
    ]);

    await run(server, 'user password eve --yes --password-stdin', { input: 'eve-2' });
    expect(await loginRefused(dev, at, 'eve', 'eve-1')).toMatch(/unauthorized|401/);
    await login(dev, at, 'eve', 'eve-2');
    expect((await run(server, 'user remove eve --yes')).stderr).toContain('is valid for up to 15 minutes');
    expect(await loginRefused(dev, at, 'eve', 'eve-2')).toMatch(/unauthorized|401/);
    await run(server, 'user remove root2 --yes');
    expect(await loginRefused(dev, at, 'root2', 'root2-1')).toMatch(/unauthorized|401/);
    await login(dev, at, 'bob', 'bob-pw');
    expect(await both()).toEqual(before);
  });

  it('while a client pushes in a loop: every push ends well', async () => {
    await login(team.dev, at, 'admin', 'admin-pw');
    const before = await both();
    const stop = await pushLoop(team.dev, `${at}/loop/app`);
    for (const name of ['x1', 'x2', 'x3']) {
      await run(server, `user add ${name} --yes`);
      await run(server, `user password ${name} --yes`);
      await run(server, `user remove ${name} --yes`);
    }
    const { done, failed, why } = await stop();
    console.log(`  Pushes while users changed 9 times: ${done}, failed ${failed}`);
    expect({ failed, why: why.trim() }).toEqual({ failed: 0, why: '' });
    expect(done).toBeGreaterThan(5);
    expect(await both()).toEqual(before);
  });

  it('invalid changes of users are refused, and nothing is touched', async () => {
    const before = await server.read('/opt/registry/auth/auth_config.yml');
    for (const [line, wanted] of [
      ['user add bob', 'bob is there already'],
      ['user add --reader admin', 'admin is there already'],
      ["user add --reader 'bob:team/*'", 'bob is a reader already'],
      ["user add --reader 'x:TEAM'", '"TEAM" is not a repository'],
      ["user add 'a*'", 'is not a user name'],
      ["user add '/^.*$/'", 'is not a user name'],
      ["user add ''", 'a name is needed'],
      ['user add x --reader y', 'One user at a time: x, y'],
      ['user remove nobody', 'There is no user nobody'],
      ['user remove admin', 'the last one who can push'],
      ['user password', 'needs a name'],
    ])
      expect(await refused(server, 2, `${line} --yes`)).toContain(wanted);
    expect(await server.read('/opt/registry/auth/auth_config.yml')).toBe(before);
  });
});
