// The files of DIR/.state: what is written is read again; what is damaged, or of another version, is told from what is whole.
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../../src/package.ts';
import {
  type Entry,
  FORMAT,
  isLockLeft,
  isNewer,
  journalOf,
  lastVersion,
  oldestText,
  readOldest,
  readUnfinished,
  refuseNewer,
} from '../../../src/reconcile/journal.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { DIR } from '../../helpers/run.ts';

const state = (name: string) => `${DIR}/.state/${name}`;
const JOURNAL = state('journal');
const OLDEST = state('oldest.json');

function machine(files: Record<string, string> = {}): FakeHost {
  const host = fakeHost();
  host.put(state('copies/a'), '');
  for (const [path, text] of Object.entries(files)) host.put(path, text, 0o600);
  return host;
}

const me = { pid: 4711, ticks: '88', command: 'registry-setup rotate', since: '2026-05-03T10:00:00Z' };
const entryOf = (id: string): Entry => ({
  key: { kind: 'file', id },
  title: id,
  undo: { steps: [{ do: 'remove', path: id }] },
});
const [one, two] = [entryOf('/srv/one'), entryOf('/srv/two')];

/** The lines of a journal, as this version writes them. */
const head = `${JSON.stringify({ format: FORMAT, by: VERSION, ...me })}\n`;
const line = (record: unknown) => `${JSON.stringify(record)}\n`;
const unfinished = (text: string) => readUnfinished(machine({ [JOURNAL]: text }), DIR);
const oldest = (found: unknown) => readOldest(machine({ [OLDEST]: JSON.stringify(found) }), DIR);

describe('the journal', () => {
  test('tells the next run who was at work, and what was done', async () => {
    const host = machine();
    expect(await readUnfinished(host, DIR)).toBeUndefined();
    const journal = journalOf(host, DIR, me);
    await journal.add(one);
    await journal.add({ ...two, removed: true });
    expect(await readUnfinished(host, DIR)).toEqual({
      command: me.command,
      since: me.since,
      entries: [one, { ...two, removed: true }],
      committed: false,
      told: false,
      unreadable: 0,
    });
    expect(host.text(JOURNAL)?.split('\n'), 'a head, an entry each, and the end').toHaveLength(4);
    await journal.commit();
    expect(await readUnfinished(host, DIR)).toMatchObject({ committed: true, unreadable: 0 });
  });

  test('may be replaced, and is still for nobody else to read', async () => {
    const host = machine();
    const journal = journalOf(host, DIR, me);
    await journal.add(one);
    await journal.replace([two]);
    expect(await readUnfinished(host, DIR)).toMatchObject({ command: me.command, entries: [two] });
    expect(host.mode(JOURNAL)).toBe(0o600);
  });

  test('of a time when keys were text is read', async () => {
    const text = head + line({ ...one, key: 'podman container:registry' });
    expect((await unfinished(text))?.entries.map(({ key }) => key)).toEqual([
      { kind: 'container', id: 'registry', engine: 'podman' },
    ]);
  });

  test('without its head still holds what was done', async () => {
    expect(await unfinished(line(one))).toMatchObject({
      command: 'registry-setup',
      since: 'an unknown time',
      entries: [one],
    });
    expect(await unfinished('')).toMatchObject({ entries: [], told: false, unreadable: 0 });
  });

  test('is told to the user once, unless something is new in it', async () => {
    const told = (entry: Entry) => line({ ...entry, told: true });
    expect(await unfinished(head + told(one) + told(two))).toMatchObject({ told: true });
    expect(await unfinished(head + told(one) + line(two))).toMatchObject({ told: false });
    expect(await unfinished(head)).toMatchObject({ told: false });
  });

  const undo = one.undo;
  test.each([
    ['is no JSON', '{"key":\n'],
    ['is a number', line(5)],
    ['is null', line(null)],
    ['is a word', line('x')],
    ['is a list', line(['a'])],
    ['has no way back', line({ key: one.key })],
    ['has a way back without steps', line({ key: one.key, undo: {} })],
    [
      'has a way back with a step that nobody knows',
      line({ key: one.key, undo: { steps: [{ do: 'dance' }] } }),
    ],
    ['has a way back with nothing for a step', line({ key: one.key, undo: { steps: [null] } })],
    ['has a way back with a list for a step', line({ key: one.key, undo: { steps: [{ do: ['remove'] }] } })],
    ['has steps that come last and are none', line({ key: one.key, undo: { steps: [], last: {} } })],
    [
      'has a cleanup that nobody knows',
      line({ key: one.key, undo: { steps: [], cleanup: [{ do: 'dance' }] } }),
    ],
    ['has a key without an id', line({ key: { kind: 'file' }, undo })],
    ['has a key without a kind', line({ key: { id: '/srv/x' }, undo })],
    ['has a number for a key', line({ key: 5, undo })],
  ])('a line that %s is counted, and the others are read', async (_, damaged) => {
    expect(await unfinished(head + line(one) + damaged + line(two))).toMatchObject({
      command: me.command,
      entries: [one, two],
      unreadable: 1,
    });
  });

  test('a line that was cut off is no damage: its change was never made', async () => {
    const cut = '{"key":{"kind":"file","id":"/e';
    expect(await unfinished(head + line(one) + cut)).toMatchObject({ entries: [one], unreadable: 0 });
    expect(await unfinished(`${head}{\n${line(one)}${cut}`)).toMatchObject({ entries: [one], unreadable: 1 });
    expect(await unfinished((head + line(one)).trimEnd())).toMatchObject({ entries: [one], unreadable: 0 });
  });
});

describe('oldest.json', () => {
  const key = one.key;
  const whole = (...entries: unknown[]) => ({ format: FORMAT, by: VERSION, oldest: entries });

  test('is read as it was written, in its order', async () => {
    const written = new Map([two, one].map((entry) => [`file:${entry.key.id}`, entry]));
    const host = machine({ [OLDEST]: oldestText(written) });
    expect([...(await readOldest(host, DIR))]).toEqual([...written]);
  });

  test('that is not there, or an empty list, remembers nothing', async () => {
    expect(await readOldest(machine(), DIR)).toEqual(new Map());
    expect(await oldest([])).toEqual(new Map());
  });

  test('of a time when it had no format is read', async () => {
    const { title, undo } = one;
    const former = { 'file:/srv/one': { title, undo }, 'kept:package:docker.io': { title: 'x', undo } };
    expect([...(await oldest(former)).values()]).toEqual([
      one,
      { key: { kind: 'package', id: 'docker.io', kept: true }, title: 'x', undo },
    ]);
  });

  test.each([
    ['a number', 5],
    ['null', null],
    ['a list', [one]],
    ['a number for its entries', { format: FORMAT, oldest: 5 }],
    ['null for an entry', whole(one, null)],
    ['an entry without a key', whole(one, { undo: one.undo })],
    ['an entry with a key without an id', whole(one, { ...one, key: { kind: 'file' } })],
    ['an entry with text for a key', whole(one, { ...one, key: 'file:/srv/x' })],
    ['an entry without a way back', whole(one, { key })],
    ['an entry with a step that nobody knows', whole(one, { key, undo: { steps: [{ do: 'dance' }] } })],
    ['a word for an entry, without a format', { 'file:/srv/one': 'x' }],
  ])('that holds %s is damaged', async (_, found) => {
    await expect(oldest(found)).rejects.toMatchObject({
      message: `${OLDEST} is damaged: what was here before the setup is unknown.`,
      fix: [expect.anything(), `  mv ${OLDEST} ${OLDEST}.damaged`],
    });
  });

  test('that is torn is damaged', async () => {
    const torn = oldestText(new Map([['x', one]])).slice(0, -5);
    await expect(readOldest(machine({ [OLDEST]: torn }), DIR)).rejects.toThrow('is damaged');
  });
});

describe('what a newer version wrote', () => {
  const newer = { format: FORMAT + 1, by: '99.0.0' };
  const refusal = { message: expect.stringContaining('was written by a newer registry-setup'), exitCode: 2 };

  test.each([
    ['in a newer format', newer, 'Use registry-setup 99.0.0 or newer.'],
    ['in the same format', { ...newer, format: FORMAT }, 'Use registry-setup 99.0.0 or newer.'],
    [
      'in a newer format, of an older version',
      { ...newer, by: '0.0.1' },
      'Use registry-setup 0.0.1 or newer.',
    ],
    [
      'in a newer format, without its version',
      { format: FORMAT + 1 },
      'Use registry-setup of a newer version.',
    ],
  ])('%s is refused', async (_, first, fix) => {
    const files = {
      [OLDEST]: JSON.stringify({ ...first, oldest: [] }, null, 1),
      [JOURNAL]: line(first) + line(one),
    };
    for (const [path, text] of Object.entries(files)) {
      const host = machine({ [path]: text });
      await expect(refuseNewer(host, DIR)).rejects.toMatchObject({ ...refusal, fix: [fix] });
      const read = path === OLDEST ? readOldest(host, DIR) : readUnfinished(host, DIR);
      await expect(read).rejects.toMatchObject({ ...refusal, fix: [fix] });
    }
  });

  test('what this version or an older one wrote is not, nor what nobody can read', async () => {
    const texts = [
      JSON.stringify({ format: FORMAT, by: VERSION }),
      JSON.stringify({ format: FORMAT, by: '0.0.1' }),
      JSON.stringify({ format: FORMAT }),
      '{}',
      'null',
      '5',
      '{"format":9',
      '',
    ];
    for (const text of texts) await refuseNewer(machine({ [OLDEST]: text, [JOURNAL]: text }), DIR);
    await refuseNewer(machine(), DIR);
    const host = machine();
    await host.mkdir(OLDEST, 0o700);
    await refuseNewer(host, DIR);
  });

  test.each([
    ['1.0.0', '0.9.9', true],
    ['0.10.0', '0.9.0', true],
    ['0.9.0', '0.10.0', false],
    ['1.0.0', '1.0.0', false],
    ['1.0.0-rc.1', '1.0.0', false],
    ['1.0.0', '1.0.0-rc.1', false],
    ['1.0.0+build.7', '1.0.0', false],
    ['1.0.1-rc.1', '1.0.0', true],
  ])('is %s newer than %s? %s', (version, than, answer) => {
    expect(isNewer(version, than)).toBe(answer);
  });

  test('the version that was here last is known, if it said so', async () => {
    expect(await lastVersion(machine(), DIR)).toBeUndefined();
    expect(await lastVersion(machine({ [OLDEST]: '{"file:/x":{}}' }), DIR)).toBe('0');
    expect(await lastVersion(machine({ [OLDEST]: oldestText(new Map()) }), DIR)).toBe(VERSION);
  });
});

describe('a lock that a killed run left', () => {
  test.each([
    ['its lock, whatever else is there', ['lock', 'oldest.json'], true],
    ['only the one for taking it over', ['lock.next'], true],
    ['nothing at all', [], true],
    ['what a run remembered', ['lock.next', 'oldest.json'], false],
  ])('with %s: %j → %s', async (_, names, left) => {
    const host = fakeHost();
    host.put(state('x'), '');
    await host.remove(state('x'));
    for (const name of names) host.put(state(name), '');
    expect(await isLockLeft(host, DIR)).toBe(left);
  });

  test('is none where no run ever was', async () => {
    expect(await isLockLeft(fakeHost(), DIR)).toBe(false);
  });
});
