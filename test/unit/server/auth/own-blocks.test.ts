// What a user adds to auth_config.yml stays over runs, in its place.
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { TokenPair } from '../../../../src/certificates/token-pair.ts';
import { ownBlocks, ownBlocksText } from '../../../../src/server/auth/own-blocks.ts';
import { authResources } from '../../../../src/server/plan/docker-auth.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import { masked } from '../../../../src/terminal/diff.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

const DIR = '/opt/registry';
const FILE = `${DIR}/auth/auth_config.yml`;
const PAIR: TokenPair = { cert: 'CERT', key: 'KEY', bundle: ['CERT'] };

/** The file that a run writes over a text. */
async function written(text: string | undefined, line: string) {
  const host = fakeHost();
  if (text !== undefined) host.put(FILE, text);
  const result = resolveSettings(readArguments(`--auth token --host reg.corp ${line}`.split(' ')).answers, {
    dir: DIR,
  });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  const logins = result.settings.users.map((name) => ({ name, hash: `$2b$10$${name}` }));
  const own = await ownBlocks(host, DIR);
  const file = authResources(
    result.settings,
    { logins, pair: PAIR, served: 'SITE' },
    { registryMajor: 3, ownBlocks: own },
    [],
  ).find((one) => one.kind === 'file' && one.path === FILE);
  if (file?.kind !== 'file' || !file.mask) throw new Error('no file');
  return { text: file.content, shown: masked(file.content, file.mask), own };
}

const LDAP = [
  '# The directory in Berlin.',
  'ldap_auth:',
  '  addr: ldap.corp.example:636   # over TLS',
  '  bind_password: geheim',
  'github_auth: {client_id: abc, client_secret: streng-geheim}',
  '',
].join('\n');
const RULE =
  '  - match: {account: "/.+/", name: "ldap/*"}\n    actions: [pull, push]\n    comment: of the directory\n';

/** The file of the program with what a user has added to it. */
async function added(): Promise<string> {
  const { text, own } = await written(undefined, '--user ann');
  expect(own).toBeUndefined();
  return text.replace(/^users:/m, `${LDAP}users:`).replace(/^# with the/m, `${RULE}# with the`);
}

test('blocks and rules stay where they are, whatever changes beside them, and a second run changes nothing', async () => {
  const { text, own } = await written(await added(), '--user ann --user bob --anonymous-pull');
  expect(own && ownBlocksText(own)).toBe('ldap_auth, github_auth, 1 rule');
  const keys = [...text.matchAll(/^(\w+):/gm)].map(([, name]) => name);
  expect(keys).toEqual(['server', 'token', 'ldap_auth', 'github_auth', 'users', 'acl']);
  expect(text).toContain('# The directory in Berlin.\nldap_auth:');
  expect(text).toContain('# over TLS');
  const { users, acl, ldap_auth: ldap } = parse(text);
  expect(ldap).toEqual({ addr: 'ldap.corp.example:636', bind_password: 'geheim' });
  expect(Object.keys(users)).toEqual(['ann', 'bob', '']);
  // The rule about everybody is last: it would decide for those of the directory.
  expect(
    acl.map(({ match, comment }: Record<string, Record<string, string>>) => comment ?? match?.account),
  ).toEqual(['ann', 'bob', 'of the directory', undefined]);
  expect((await written(text, '--user ann --user bob --anonymous-pull')).text).toBe(text);
});

test('what they hide is not shown', async () => {
  const { shown } = await written(await added(), '--user ann');
  expect(shown).not.toContain('geheim');
  expect(shown).not.toContain('$2b$10$');
});

test('a file with such a block that cannot be read is not overwritten', async () => {
  await expect(written(`${LDAP}users: {\n`, '--user ann')).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/auth_config\.yml, line \d+, column \d+/),
  });
  // One without is written anew, as ever.
  expect((await written('users: {\n', '--user ann')).text).toBe(
    (await written(undefined, '--user ann')).text,
  );
});
