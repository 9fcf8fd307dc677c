// Logins that are kept on a machine, and a real registry that takes them or not.
import bcrypt from 'bcryptjs';
import { expect, test } from 'vitest';
import { logins } from '../../../src/doctor/client/logins.ts';
import { htpasswd } from '../../../src/doctor/server/htpasswd.ts';
import { ask } from '../../../src/registry/http.ts';
import { Secret } from '../../../src/secret.ts';
import { codes, dockerTarget, doctorInput, testMachine, withDocker } from '../../helpers/doctor-input.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';

const FILE = '/root/.docker/config.json';
const hash = bcrypt.hashSync('right', 4);

test.skipIf(noRegistry)('a login that the registry takes, one that it refuses, and none', async () => {
  const { at } = await startRegistry({ htpasswd: `ann:${hash}\n` });
  // As Docker does it, a password goes to loopback without TLS.
  const registry = { address: `registry.test:${at.port}`, at };
  const look = async (password?: string) => {
    const machine = testMachine();
    withDocker(machine, { insecure: [registry.address] });
    const auth = Buffer.from(`ann:${password}`).toString('base64');
    if (password) machine.put(FILE, JSON.stringify({ auths: { [registry.address]: { auth } } }));
    const target = { ...dockerTarget(registry.address), login: { tool: 'docker' as const, file: FILE } };
    return logins.look(doctorInput(machine.host, { registries: [registry], targets: [target] }));
  };
  expect(await look('right')).toEqual([]);
  const refused = await look('wrong-word');
  expect(refused).toMatchObject([{ code: 'login-refused' }]);
  expect(JSON.stringify(refused)).not.toContain('wrong-word');
  expect(await look()).toMatchObject([{ code: 'login-missing' }]);
});

test('a helper that is not there, and a file that is broken', async () => {
  const look = async (text: string, ...programs: string[]) => {
    const machine = testMachine();
    machine.put(FILE, text);
    machine.install(...programs);
    return codes(doctorInput(machine.host), logins);
  };
  expect(await look('{"credsStore": "desktop"}')).toEqual(['login-helper-missing']);
  expect(await look('{"credHelpers": {"10.0.3.17:5000": "pass"}}')).toEqual(['login-helper-missing']);
  expect(await look('{"credsStore": "desktop"}', 'docker-credential-desktop')).toEqual([]);
  expect(await look('{"auths": }')).toEqual(['login-file-broken']);
});

const SHA = 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=';

async function ofFile(text: string | Buffer | undefined) {
  const machine = testMachine();
  if (text !== undefined) machine.put('/opt/registry/auth/htpasswd', text);
  const settings = { dir: '/opt/registry', auth: 'htpasswd', users: ['ann', 'bob'] };
  return htpasswd.look(doctorInput(machine.host, { server: { settings } }));
}

test('a file of users without bcrypt, in UTF-16, and none', async () => {
  expect(await ofFile(`# users\n\nann:${hash}\n`)).toEqual([]);
  const found = await ofFile(`ann:${hash}\n${SHA}\ncut:${hash.slice(0, 30)}\n`);
  expect(found).toMatchObject([{ code: 'htpasswd-not-bcrypt', cause: expect.stringContaining('bob, cut') }]);
  expect(JSON.stringify(found)).not.toContain('W6ph5');
  expect(await ofFile(Buffer.from(`ann:${hash}\r\n`, 'utf16le'))).toMatchObject([
    { code: 'htpasswd-encoding' },
  ]);
  expect(await ofFile(undefined)).toMatchObject([{ code: 'htpasswd-missing' }]);
});

test.skipIf(noRegistry)('the registry really does not know such a user', async () => {
  const { at } = await startRegistry({ htpasswd: `ann:${hash}\n${SHA}\n` });
  const status = async (user: string, password: string) =>
    (await ask(at, 'GET', '/v2/', { credentials: { user, password: new Secret(password) } })).status;
  expect(await status('ann', 'right')).toBe(200);
  expect(await status('bob', 'password')).toBe(401);
});
