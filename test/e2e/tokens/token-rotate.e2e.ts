// Rotation in token mode: both ports change together, or neither does, and what a client is in the middle of is not lost.
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { files, inFile, onWire, roots, roundTrip, trustRoots } from '../helpers/certificates.ts';
import { HOLD, KILL, trapDocker } from '../helpers/faults.ts';
import { login, push, refused, run, running, startTeam } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';
import { askAll, pushLoop, READER } from '../helpers/tokens.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: Host;
let dev: Host;
let at: string;
let logins: string;
beforeAll(async () => {
  ({ server, dev } = await startTeam({ images: ['registry:3', 'cesanta/docker_auth:1'] }));
  [at, logins] = [`${server.name}:5000`, `${server.name}:5001`];
});
beforeEach(async () => {
  await server.reset();
  await dev.sh('rm -rf /root/.docker');
  const input = `admin:correct horse\n${READER}`;
  await run(server, `--yes --auth token --host ${server.name} --user admin --reader bob --password-stdin`, {
    input,
  });
  await trustRoots(dev, (await roots(server)).join(''), at);
  await login(dev, at, 'admin', 'correct horse');
});
afterAll(removeAll);

const wires = async () => [await onWire(dev, at), await onWire(dev, logins)];
/** The key that tokens are signed with, as docker_auth calls it. */
async function keyId(): Promise<string> {
  const { stdout } = await dev.sh(
    `curl -sf --cacert /etc/docker/certs.d/${at}/ca.crt -u '${READER}' 'https://${logins}/auth?service=${at}'`,
  );
  const [header = ''] = (JSON.parse(stdout) as { token: string }).token.split('.');
  return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid;
}

it('both ports show the new certificate, docker_auth is not restarted, no client is touched', async () => {
  const [former] = await wires();
  const [auth, key] = [await running(server, 'registry-auth'), await keyId()];
  expect(await onWire(dev, logins)).toBe(former);
  await run(server, 'rotate --yes');
  const now = await inFile(server);
  expect(now).not.toBe(former);
  expect(await wires()).toEqual([now, now]);
  expect(await running(server, 'registry-auth')).toBe(auth);
  expect(await keyId()).toBe(key);
  await roundTrip(dev, `${at}/team/app:1`);
  await run(server, 'rotate --ca --yes');
  const last = await inFile(server);
  expect(await wires()).toEqual([last, last]);
  await roundTrip(dev, `${at}/team/app:1`);
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
});

it('--token-key: new tokens use the new key, tokens of the former key are still accepted', async () => {
  const [key, wire] = [await keyId(), await wires()];
  const get = `curl -sf --cacert /etc/docker/certs.d/${at}/ca.crt`;
  const token = `${get} -u '${READER}' 'https://${logins}/auth?service=${at}&scope=repository:team/app:pull' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/'`;
  await push(dev, `${at}/team/app:1`);
  await dev.sh(`${token} >/tmp/former`);
  expect((await run(server, 'rotate --token-key --yes')).stderr).toContain(
    'Tokens are signed with a new key',
  );
  expect(await keyId()).not.toBe(key);
  expect(await wires()).toEqual(wire);
  await dev.sh(`${token} >/tmp/now`);
  for (const name of ['former', 'now'])
    await dev.sh(`${get} -H "Authorization: Bearer $(cat /tmp/${name})" https://${at}/v2/team/app/tags/list`);
  await roundTrip(dev, `${at}/team/app:1`);
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');

  // Once more: the first key is two back now, and not taken any more.
  await run(server, 'rotate --token-key --yes');
  const { stdout } = await dev.sh(
    `${get.replace('-sf', '-s')} -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat /tmp/former)" https://${at}/v2/team/app/tags/list`,
  );
  expect(stdout).toBe('401');
});

/** The key of the tokens changes in both services. */
const deepest = (line: string) => line.includes('--token-key');

it.each(chosen(['rotate --yes', 'rotate --token-key --yes', 'rotate --ca --yes'], deepest))(
  '%s while a client pushes in a loop: what meets the gap waits, and nothing is lost',
  async (line) => {
    const stop = await pushLoop(dev, `${at}/loop/app`);
    await run(server, line);
    const { done, failed, why } = await stop();
    console.log(`  Pushes during ${line}: ${done} done, ${failed} failed`);
    expect([failed, why.trim()]).toEqual([0, '']);
    const tags = await askAll(dev, at, (await roots(server)).join(''), [
      { who: READER, call: `GET /v2/loop/app/manifests/${done}` },
      { who: READER, call: `GET /v2/loop/app/manifests/1` },
    ]);
    expect(tags).toEqual(['200', '200']);
  },
);

it.each(chosen(['rotate --yes', 'rotate --token-key --yes'], deepest))(
  '%s, interrupted when all is written: both are as before',
  async (line) => {
    const [before, wire, key] = [await files(server), await wires(), await keyId()];
    // The live check looks at docker_auth's log: all is written by then, and docker_auth has read it.
    const { env } = await trapDocker(server, { at: 'logs', before: `sleep 4; kill -INT $PPID; ${HOLD}` });
    expect(await refused(server, 130, line, { env })).toContain('Everything was put back as it was.');
    expect(await files(server)).toEqual(before);
    await server.sh('sleep 3');
    expect(await wires()).toEqual(wire);
    expect(await keyId()).toBe(key);
    await roundTrip(dev, `${at}/team/app:1`);
  },
);

const rules = async () =>
  (await server.sh('for tool in iptables ip6tables; do $tool -t raw -S; done')).stdout.match(/^-A .*/gm);

it('killed while new connections wait: they get through without a further run', async () => {
  const { env } = await trapDocker(server, { at: 'stop', before: `${KILL}; exit 1` });
  await server.sh('registry-setup rotate --yes', { env, check: false });
  expect(await rules()).not.toBeNull();
  // What it was killed in front of has not been stopped: it answers when the rules are over, and nobody has to take them away.
  await push(dev, `${at}/team/app:1`);
  expect((await run(server, '--yes')).stderr).toContain('was interrupted');
  expect(await rules()).toBeNull();
  await roundTrip(dev, `${at}/team/app:1`);
});

it('killed in the middle: the next run puts both back', async () => {
  const [wire, key] = [await wires(), await keyId()];
  const { env } = await trapDocker(server, { at: 'logs', before: KILL });
  await server.sh('registry-setup rotate --token-key --yes', { env, check: false });
  expect(await refused(server, 1, 'status')).toBe('');
  expect((await run(server, '--yes')).stderr).toContain('was interrupted');
  await server.sh('sleep 3');
  expect(await wires()).toEqual(wire);
  expect(await keyId()).toBe(key);
  await roundTrip(dev, `${at}/team/app:1`);
});
