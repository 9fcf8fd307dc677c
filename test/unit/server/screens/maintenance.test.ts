// What status tells of images.
import { expect, test } from 'vitest';
import { maintenanceLines, renewalLines, spaceText } from '../../../../src/server/screens/maintenance.ts';
import type { Settings } from '../../../../src/settings/settings.ts';

test('one repository with one tag is not called several', () => {
  const at = '2026-05-01T00:00:00Z';
  const counted = { at, repositories: 1, tags: 1, bytes: 1_000 };
  const settings = { engine: 'docker', name: 'registry' } as Settings;
  const [first] = maintenanceLines(settings, { counted }, new Date(at));
  expect(first).toContain('1 repository, 1 tag, 1.0 kB');
});

const now = new Date('2026-11-27T12:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString();
const base = { tls: 'ca-signed', renew: true } as Settings;

test('pulls and pushes are told with the time that they are of', () => {
  const told = (at: number, since: number) =>
    maintenanceLines(
      base,
      { traffic: { at: hoursAgo(at), since: hoursAgo(since), pulls: 12, pushes: 1 } },
      now,
    );
  expect(told(0, 24)).toEqual(['  Clients     12 pulls, 1 push in the last day']);
  // The container is three hours old, and its log with it.
  expect(told(0, 3)).toEqual(['  Clients     12 pulls, 1 push in the last 3 hours']);
  // The log was too long to be read just now.
  expect(told(5, 29)).toEqual(['  Clients     12 pulls, 1 push in the last day; counted 5 hours ago']);
});

test('the disk is told with its forecast, if there is one', () => {
  const space = { free: 41e9, total: 60e9 };
  expect(spaceText(space, undefined)).toBe('41 GB of 60 GB free');
  expect(spaceText(space, 91)).toBe('41 GB of 60 GB free; at this rate full in about 3 months');
  expect(spaceText(space, 0.2)).toContain('full in about 1 day');
});

test('the renewal is told, and that its timer is alive', () => {
  const notes = { renewed: { at: hoursAgo(72) }, looked: { at: hoursAgo(5) } };
  expect(renewalLines(base, notes, now)).toEqual([
    '  Renewal     last 3 days ago; looked at every night, last 5 hours ago',
  ]);
  expect(renewalLines({ ...base, tls: 'insecure' }, notes, now)).toEqual([]);
});

test('a certificate of an ACME server: who renews it, from when on, and why it failed last', () => {
  const acme = { ...base, acme: 'ops@corp.de' };
  const six = { notBefore: new Date('2026-11-25T00:00:00Z'), notAfter: new Date('2026-12-01T00:00:00Z') };
  const refused = { at: hoursAgo(2), why: 'A limit is reached.\u001b[2J' };
  const told = (notes: object, served = six) => renewalLines(acme, notes, now, served);
  expect(told({ looked: { at: hoursAgo(1) } })).toEqual([
    "  Renewal     by this program at Let's Encrypt, from 2026-11-29 on; looked at every six hours, last 1 hour ago",
  ]);
  expect(told({ refused, renewed: { at: hoursAgo(72) } })[1]).toBe(
    '              failed 2 hours ago: A limit is reached.\\u001b[2J',
  );
  expect(told({ refused, renewed: { at: hoursAgo(1) } })).toHaveLength(1);
  // One of three months in the last of them, as every other.
  const ninety = { ...six, notBefore: new Date('2026-09-02T00:00:00Z') };
  expect(told({}, ninety)[0]).toContain('from 2026-11-01 on');
});
