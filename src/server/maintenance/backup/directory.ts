// Keeps backups in a directory: each blob once, however many states need it, and one small file for each state.
import { join } from 'node:path';
import { InputError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import { commandLine } from '../../../terminal/command.ts';
import { quoted } from '../../../terminal/shell.ts';
import { openBlob, type Plan, verified } from './pieces.ts';
import { blobIn, readBlob, readStateAlone, stateText } from './read.ts';
import { isSealed, newSalt, type Passphrase, saltOf, sealed, sealedSize } from './seal.ts';

/** The file that says what the directory is, to this program and to whoever finds it. */
const MARK = 'registry-setup.backups';
const MARK_TEXT = `Backups of an image registry, made by registry-setup.

state-DATE.json    one backup; with a passphrase, state-DATE.sealed
blobs/sha256/…     the parts of images, each once for all backups

Restore the newest:   registry-setup restore DIR
Restore another one:  registry-setup restore DIR/state-DATE.json
Remove old ones:      rm DIR/state-DATE.json
                      The next backup to this directory removes the blobs that no state needs any more.
`;

const BLOBS = 'blobs/sha256';
const STATE = /^state-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z\.(json|sealed)$/;
const BLOB = /^[0-9a-f]{64}(\.sealed)?$/;
/** Milliseconds that a blob stays although no state needs it: a backup of another machine may be about to name it. */
const STAYS = 24 * 3_600_000;

/** Returns the paths of the states in a directory, the oldest first. */
export async function statesIn(host: Host, directory: string): Promise<string[]> {
  const names = (await host.list(directory)).filter((name) => STATE.test(name));
  return names.map((name) => join(directory, name));
}

/**
 * Verifies that a directory is one of backups, or is empty, or does not exist.
 * @throws InputError
 */
export async function mustBeForBackups(host: Host, directory: string): Promise<void> {
  const there = await host.stat(directory);
  if (!there) return;
  const bad = (message: string, fix: string) =>
    new InputError([{ where: `--to ${directory}`, message, fix }]);
  if (there.type !== 'dir') throw bad('is not a directory', commandLine(`backup ${quoted(directory)}`));
  const names = await host.list(directory);
  if (names.length > 0 && !names.includes(MARK))
    throw bad(
      'holds something else than backups of registry-setup',
      commandLine(`backup --to ${quoted(join(directory, 'registry'))}`),
    );
}

async function makeDirectory(host: Host, path: string): Promise<void> {
  if (!(await host.stat(path))) await host.mkdir(path, 0o700);
}

export interface Kept {
  state: string;
  /** What was written. */
  blobs: number;
  bytes: number;
  /** What no state needed any more. */
  freed: { blobs: number; bytes: number };
}

interface Progress {
  /** Receives the number of blobs so far. */
  told: (done: number) => void;
  /** Hears each file before it is written: a run that is killed leaves it. */
  begin: (path: string) => Promise<void>;
}

/** Adds a state to a directory; reads back what it has written. @throws CliError if the storage is damaged, or the disk is full */
export async function keepIn(
  host: Host,
  directory: string,
  plan: Plan,
  key: Passphrase | undefined,
  { told, begin }: Progress,
): Promise<Kept> {
  await makeDirectory(host, directory);
  if (!(await host.stat(join(directory, MARK))))
    await host.write(join(directory, MARK), MARK_TEXT, { mode: 0o600 });
  for (const path of ['blobs', BLOBS]) await makeDirectory(host, join(directory, path));
  const salt = key && (await saltHere(host, directory));
  const seal = (chunks: AsyncIterable<Buffer>) => (key ? sealed(chunks, key, salt) : chunks);
  const temporary = join(directory, '.unfinished');
  await begin(temporary);
  const write = async (path: string, chunks: AsyncIterable<Buffer>) => {
    await host.remove(temporary);
    await host.save(temporary, seal(chunks), 0o600);
    await host.rename(temporary, path);
  };
  const made = { blobs: 0, bytes: 0 };
  let done = 0;
  for (const [hex, size] of plan.contents.blobs) {
    told(done++);
    const path = blobIn(directory, hex, key !== undefined);
    if ((await host.stat(path))?.size === (key ? sealedSize(size) : size)) continue;
    const file = await openBlob(host, plan, hex);
    await write(path, verified(file, plan, hex)).finally(() => file.close());
    await readBlob(host, directory, { hex, size, key });
    made.blobs++;
    made.bytes += size;
  }
  const date = plan.contents.made.replaceAll(':', '-');
  const state = join(directory, `state-${date}.${key ? 'sealed' : 'json'}`);
  const text = Buffer.from(stateText(plan.contents, plan.files));
  await write(state, one(text));
  await readStateAlone(host, state, async () => key);
  return { state, ...made, freed: await sweep(host, directory, key) };
}

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Returns the salt of the states that are here: the passphrase is stretched once for all files. */
async function saltHere(host: Host, directory: string): Promise<Buffer> {
  const last = (await statesIn(host, directory)).findLast((path) => path.endsWith('.sealed'));
  const file = last && (await host.open(last));
  if (!file) return newSalt();
  const first = await file.read(0, 512).finally(() => file.close());
  return isSealed(first) ? saltOf(first) : newSalt();
}

/** Removes the blobs that no state needs any more; none if a state cannot be read, as with another passphrase. */
async function sweep(
  host: Host,
  directory: string,
  key: Passphrase | undefined,
): Promise<{ blobs: number; bytes: number }> {
  const freed = { blobs: 0, bytes: 0 };
  const needed = new Set<string>();
  for (const path of await statesIn(host, directory)) {
    const state = await readStateAlone(host, path, async () => key).catch(() => undefined);
    if (!state) return freed;
    for (const [hex] of state.contents.blobs) needed.add(state.sealed ? `${hex}.sealed` : hex);
  }
  const before = Date.now() - STAYS;
  for (const { name, type, bytes, modified } of await host.inside(directory).entries(BLOBS)) {
    if (type !== 'file' || !BLOB.test(name) || needed.has(name) || modified.getTime() > before) continue;
    await host.remove(join(directory, BLOBS, name));
    freed.blobs++;
    freed.bytes += bytes;
  }
  return freed;
}
