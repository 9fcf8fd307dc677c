// `--client --undo`: which registry is meant, where several are known, or one under another port.
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../helpers/context.ts';
import { DAEMON, runDockerd } from '../../helpers/daemon.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { scripted } from '../../helpers/scripted-prompts.ts';

const BASE = '/var/lib/registry-setup/client';

/** A machine that was set up for these registries: a file each. */
function client(...addresses: string[]) {
  const host = fakeHost();
  for (const address of addresses) {
    const path = `/etc/docker/certs.d/${address}/ca.crt`;
    host.put(path, 'a CA');
    const undo = { steps: [{ do: 'remove', path }] };
    const oldest = { [`file:${path}`]: { title: path, undo } };
    host.put(`${BASE}/${address.replace(':', '_')}/.state/oldest.json`, JSON.stringify(oldest));
  }
  const trusts = (address: string) => host.text(`/etc/docker/certs.d/${address}/ca.crt`) !== undefined;
  return { host, trusted: () => addresses.filter(trusts) };
}

describe('a host without a port', () => {
  test('means the known registry of that host, whatever its port', async () => {
    const { host, trusted } = client('10.0.0.9:5080', 'other:5000');
    await runCommand(host, '--client 10.0.0.9 --undo --yes');
    expect(trusted()).toEqual(['other:5000']);
  });

  test('means the registry on port 5000 if there are several', async () => {
    const { host, trusted } = client('10.0.0.9:5000', '10.0.0.9:5080');
    await runCommand(host, '--client --host 10.0.0.9 --undo --yes');
    expect(trusted()).toEqual(['10.0.0.9:5080']);
  });

  test('is asked for if none of several is on port 5000', async () => {
    const { host, trusted } = client('10.0.0.9:5080', '10.0.0.9:5090');
    const before = host.snapshot();
    await expect(runCommand(host, '--client 10.0.0.9 --undo --yes')).rejects.toMatchObject({
      exitCode: 2,
      fix: [expect.stringContaining('10.0.0.9:5080'), expect.stringContaining('10.0.0.9:5090')],
    });
    expect(host.snapshot()).toEqual(before);
    const prompts = scripted(['Which registry?', '10.0.0.9:5090']);
    await runCommand(host, '--client 10.0.0.9 --undo', { prompts });
    expect(prompts.transcript.at(-1)).toBe('Undo what was done for 10.0.0.9:5090? = yes');
    expect(trusted()).toEqual(['10.0.0.9:5080']);
  });
});

test('an unknown host is nothing to do, and the known ones are named', async () => {
  const { host } = client('10.0.0.9:5080');
  const before = host.snapshot();
  for (const line of ['10.0.0.9:5000', '10.0.0.9 --port 5000', 'http://10.0.0.9', 'elsewhere']) {
    const { heard, documents } = await runCommand(host, `--client --undo --yes --host ${line}`);
    expect(heard.join('\n')).toContain('registry-setup --client --undo --host 10.0.0.9:5080');
    expect(documents[0]).toMatchObject({ changed: [], known: ['10.0.0.9:5080'] });
  }
  expect(host.snapshot()).toEqual(before);
});

describe('flags of Docker that were moved', () => {
  const moved = (host: FakeHost) => {
    runDockerd(host);
    const undo = {
      steps: [
        { do: 'remove', path: '/etc/moved.conf' },
        { do: 'restart', daemon: DAEMON },
      ],
    };
    host.put('/etc/moved.conf', 'ours');
    const oldest = { 'moved:docker:insecure-registries': { title: 'flags', undo } };
    host.put(`${BASE}/10.0.0.9_5080/.state/oldest.json`, JSON.stringify(oldest));
  };

  test('go back with a restart, which needs a yes of its own', async () => {
    const { host } = client();
    moved(host);
    const before = host.snapshot();
    await expect(runCommand(host, '--client 10.0.0.9:5080 --undo --yes')).rejects.toMatchObject({
      exitCode: 2,
      fix: [expect.stringContaining('--restart-docker')],
    });
    expect(host.snapshot()).toEqual(before);
    await runCommand(host, '--client 10.0.0.9:5080 --undo --yes --restart-docker');
    expect(host.text('/etc/moved.conf')).toBeUndefined();
  });

  test('are only described by --dry-run', async () => {
    const { host } = client();
    moved(host);
    const { documents } = await runCommand(host, '--client 10.0.0.9:5080 --undo --yes --dry-run');
    const [change] = (documents[0]?.changes ?? []) as object[];
    expect(Object.keys(change ?? {})).toEqual(['kind', 'title', 'what', 'details']);
  });
});
