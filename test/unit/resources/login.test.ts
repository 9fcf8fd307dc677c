// A login of docker: made by docker itself, the password through standard input, and taken back without a trace.
import { describe, expect, test } from 'vitest';
import { login } from '../../../src/resources/login.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { Secret } from '../../../src/secret.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const file = '/root/.docker/config.json';
const registry = '10.0.3.17:5000';
const resource: ResourceOf<'login'> = {
  kind: 'login',
  tool: 'docker',
  registry,
  file,
  user: 'admin',
  password: new Secret('pass word'),
};
const auth = Buffer.from('admin:pass word').toString('base64');

/** `docker login` and `docker logout`, as they change the file; every argv is kept. */
function withDocker(host: FakeHost): string[] {
  const seen: string[] = [];
  const { run } = host;
  host.run = async (command, args, options) => {
    seen.push([command, ...args].join(' '));
    const [verb] = args;
    if (command !== 'docker' || (verb !== 'login' && verb !== 'logout')) return run(command, args, options);
    const content = JSON.parse(host.text(file) ?? '{}');
    const { [registry]: _, ...others } = content.auths ?? {};
    const own = Buffer.from(`${args[2]}:${options?.input}`).toString('base64');
    const auths = verb === 'login' ? { ...others, [registry]: { auth: own } } : others;
    if (!(await host.stat('/root/.docker'))) await host.mkdir('/root/.docker', 0o700);
    await host.write(file, JSON.stringify({ ...content, auths }, null, '\t'), { mode: 0o600 });
    return { code: 0, stdout: '', stderr: '' };
  };
  return seen;
}

const start = (content?: object) => (host: FakeHost) => {
  host.put('/root/.bashrc', '');
  if (content) host.put(file, `${JSON.stringify(content)}\n`, 0o600);
  withDocker(host);
};

describe('a login', () => {
  fiveCases(login, resource, [
    { name: 'no file', prepare: start(), takes: 'create' },
    {
      name: 'other logins and settings',
      prepare: start({ auths: { a: { auth: 'x' } }, psFormat: 'y' }),
      takes: 'create',
    },
    { name: 'another user there', prepare: start({ auths: { [registry]: { auth: 'x' } } }), takes: 'create' },
    { name: 'as wanted', prepare: start({ auths: { [registry]: { auth } } }), takes: undefined },
  ]);

  test('the password is in no argv, and in nothing that is written down', async () => {
    const host = fakeHost();
    start()(host);
    const seen = withDocker(host);
    const undo = await login.undo(resource, host, vaultOn(host));
    await login.apply(resource, host);
    const drift = await login.check({ ...resource, user: 'other' }, host);
    expect(JSON.stringify([seen, undo, drift, resource])).not.toContain('pass word');
    await undoNow(undo, host);
  });

  test('a different login that was made since stays', async () => {
    const host = fakeHost();
    start()(host);
    const undo = await login.undo(resource, host, vaultOn(host));
    await login.apply(resource, host);
    const now = JSON.parse(host.text(file) ?? '');
    host.put(file, JSON.stringify({ auths: { ...now.auths, other: { auth: 'x' } } }), 0o600);
    await undoNow(undo, host);
    expect(JSON.parse(host.text(file) ?? '')).toEqual({ auths: { other: { auth: 'x' } } });
  });

  test('a broken config.json is reported, not overwritten', async () => {
    const host = fakeHost();
    host.put(file, '{', 0o600);
    await expect(login.check(resource, host)).rejects.toThrow(`${file} is not valid JSON`);
  });
});
