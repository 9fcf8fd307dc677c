// A rule in ufw, a port in firewalld: made once, and taken away without what others wrote.
import { describe, expect, test } from 'vitest';
import { removal } from '../../../src/reconcile/removal.ts';
import { firewall } from '../../../src/resources/firewall.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fakeFirewalld, fakeUfw, said, tuple } from '../../helpers/fake-system.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const inUfw: ResourceOf<'firewall'> = { kind: 'firewall', program: 'ufw', port: 5000 };
const inZone: ResourceOf<'firewall'> = { kind: 'firewall', program: 'firewalld', port: 5000, zone: 'public' };
const ANY = '0.0.0.0/0 any 0.0.0.0/0';

describe('ufw', () => {
  fiveCases(firewall, inUfw, [
    { name: 'shut', prepare: (host) => fakeUfw(host, true), takes: 'create' },
    {
      name: 'another port open',
      prepare: (host) => fakeUfw(host, true, tuple(`allow tcp 50001 ${ANY} in`)),
      takes: 'create',
    },
    {
      name: 'opened by somebody',
      prepare: (host) => fakeUfw(host, true, tuple(`allow tcp 5000 ${ANY} in`)),
      takes: undefined,
    },
  ]);

  test.each<[string, string]>([
    ['by a range', `allow tcp 4000:6000 ${ANY} in`],
    ['by a list, any protocol', `allow any 80,5000 ${ANY} in`],
    ['with a limit, and logged', `limit_log tcp 5000 ${ANY} in`],
    ['for some alone, which was somebody’s decision', 'allow tcp 5000 0.0.0.0/0 any 10.0.0.0/8 in'],
    ['on one interface alone', `allow any 5000 ${ANY} in_eth0`],
    ['for everything', `allow any any ${ANY} in`],
    ['by an application', `allow tcp 5000 ${ANY} Registry - in`],
  ])('open already: %s', async (_, words) => {
    const host = fakeHost();
    fakeUfw(host, true, tuple(words));
    expect(await firewall.check(inUfw, host)).toBeUndefined();
  });

  test.each<[string, string]>([
    ['only for udp', `allow udp 5000 ${ANY} in`],
    ['on the way out', `allow tcp 5000 ${ANY} out`],
    ['handed on', `route:allow tcp 5000 ${ANY} in`],
    ['for other networks', 'allow any any 0.0.0.0/0 any 10.0.0.0/8 in'],
    ['one stranger refused', 'deny any any 0.0.0.0/0 any 1.2.3.4 in'],
  ])('not open: %s', async (_, words) => {
    const host = fakeHost();
    fakeUfw(host, true, tuple(words));
    expect((await firewall.check(inUfw, host))?.details).toEqual(['ufw allow 5000/tcp']);
  });

  test('a rule that refuses the port takes precedence, and is left alone', async () => {
    const host = fakeHost();
    fakeUfw(host, true, tuple(`deny tcp 5000 ${ANY} in`));
    expect(await firewall.check(inUfw, host)).toBeUndefined();
  });

  test('a firewall that is off is left as it is', async () => {
    const host = fakeHost();
    fakeUfw(host, false);
    expect(await firewall.check(inUfw, host)).toBeUndefined();
  });

  test('a default that lets everything in needs no rule', async () => {
    const host = fakeHost();
    fakeUfw(host, true);
    host.put('/etc/default/ufw', 'DEFAULT_INPUT_POLICY="ACCEPT"\n');
    expect(await firewall.check(inUfw, host)).toBeUndefined();
  });

  test('our own rule for one address opens nothing else, and goes alone', async () => {
    const host = fakeHost();
    const mark = 'comment=72656769737472792d7365747570';
    const former = tuple(`allow tcp 5000 10.0.3.17 any 0.0.0.0/0 in ${mark}`);
    fakeUfw(host, true, former);
    expect((await firewall.check(inUfw, host))?.what).toBe('create');
    await firewall.apply(inUfw, host);
    const { steps } = await firewall.undo(inUfw, host, vaultOn(host));
    await undoNow({ steps }, host);
    expect(host.text('/etc/ufw/user.rules')).toBe(former);
  });

  test('a rule that somebody made again, without our mark, stays', async () => {
    const host = fakeHost();
    fakeUfw(host, true);
    const undo = await firewall.undo(inUfw, host, vaultOn(host));
    await firewall.apply(inUfw, host);
    host.put('/etc/ufw/user.rules', tuple(`allow tcp 5000 ${ANY} in`));
    await undoNow(undo, host);
    expect(said(host)).not.toContain('ufw --force delete allow 5000/tcp');
  });

  test('a removed rule is named by its port, and restored if the run fails', async () => {
    const host = fakeHost();
    fakeUfw(host, true);
    const undo = await firewall.undo(inUfw, host, vaultOn(host));
    await firewall.apply(inUfw, host);
    const there = host.snapshot();
    const going = { kind: 'removal' as const, of: { kind: 'firewall', id: 'ufw:5000' }, undo };
    expect(removal.title(going)).toBe('rule for port 5000 in ufw');
    expect((await removal.check(going, host))?.details).toEqual(['ufw delete allow 5000/tcp']);
    const back = await removal.undo(going, host, vaultOn(host));
    await removal.apply(going, host);
    expect(await removal.check(going, host)).toBeUndefined();
    await undoNow(back, host);
    expect(host.snapshot()).toEqual(there);
  });
});

describe('firewalld', () => {
  const XML = '<service><port protocol="tcp" port="4999-5001"/></service>';
  fiveCases(firewall, inZone, [
    { name: 'shut', prepare: (host) => fakeFirewalld(host), takes: 'create' },
    {
      name: 'open until its next start',
      prepare: (host) => {
        fakeFirewalld(host);
        host.put('/etc/firewalld/fake-now', '5000/tcp');
      },
      takes: 'create',
    },
    {
      name: 'open by a service',
      prepare: (host) => {
        const lets = '  target: default\n  services: ssh ours';
        fakeFirewalld(host, { now: lets, later: lets });
        host.put('/etc/firewalld/services/ours.xml', XML);
      },
      takes: undefined,
    },
  ]);

  const everything = '  target: ACCEPT\n  services: ';
  const rich = (verb: string, more = '') =>
    `  target: default\n  services: \n  rich rules: \n\trule family="ipv4" ${more}port port="5000" protocol="tcp" ${verb}`;
  test.each<[string, string, 'create' | undefined]>([
    ['a zone that takes everything', everything, undefined],
    ['a rich rule for some', rich('accept', 'source address="10.0.0.0/8" '), undefined],
    ['a rich rule that refuses', rich('reject'), undefined],
    ['a rich rule that refuses a stranger', rich('drop', 'source address="1.2.3.4" '), 'create'],
  ])('%s', async (_, text, takes) => {
    const host = fakeHost();
    fakeFirewalld(host, { now: text, later: text });
    expect((await firewall.check(inZone, host))?.what).toBe(takes);
  });

  test('without a reload, which would drop what others changed', async () => {
    const host = fakeHost();
    fakeFirewalld(host);
    await firewall.apply(inZone, host);
    const changes = said(host).filter((words) => !/list-all|query|--get|--state/.test(words));
    expect(changes).toEqual([
      'firewall-cmd --zone=public --add-port=5000/tcp',
      'firewall-cmd --permanent --zone=public --add-port=5000/tcp',
    ]);
  });

  test('while firewalld is off nothing is added, and our rule is removed all the same', async () => {
    const host = fakeHost();
    fakeFirewalld(host, { runs: false });
    host.commands['firewall-offline-cmd --zone=public --remove-port=5000/tcp'] = {};
    expect(await firewall.check(inZone, host)).toBeUndefined();
    const { kind: _, ...opening } = inZone;
    const step = {
      do: 'firewall' as const,
      opening,
      present: false,
      parts: ['now' as const, 'later' as const],
    };
    await expect(undoNow({ steps: [step] }, host)).resolves.toBeUndefined();
    expect(said(host)).toContain('firewall-cmd --permanent --zone=public --remove-port=5000/tcp');
  });
});
