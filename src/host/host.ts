// What a machine is to this program: its files and its commands. An interface, so that a test can hand in another machine.
import type { Machine } from './machine.ts';

export interface RunOptions {
  /** Standard input: the way in for a secret. */
  input?: string | Buffer | undefined;
  env?: Record<string, string> | undefined;
  /** Milliseconds; 60 000 unless said. 0: no limit. */
  timeout?: number | undefined;
  /** Each line of both streams as it comes, for the progress of something long. */
  onLine?: ((line: string) => void) | undefined;
  /** The program came from elsewhere and is not trusted: see src/host/stranger.ts. `input`, `env` and `onLine` mean nothing then. */
  stranger?: true | undefined;
}

export interface RunResult {
  /** 127: there is no such command. 126: it cannot be run. 124: its time was up. 128 and more: a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface Stat {
  type: 'file' | 'dir' | 'other';
  /** Permission bits alone, such as 0o600. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
}

/** A regular file that is open for reading: the same one until it is closed, whatever its name leads to by then. */
export interface OpenFile {
  readonly size: number;
  /** Bytes from a place on; fewer at the end. */
  read(at: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface TransformOptions {
  /** Milliseconds. */
  timeout: number;
  env?: Record<string, string> | undefined;
}

export interface WriteOptions {
  mode: number;
  uid?: number | undefined;
  gid?: number | undefined;
}

/**
 * What lies below a directory that a program writes to which nobody has to trust, such as the storage of a registry. No part of a path
 * below it may be a link, also not one that is put there while this is at work: then nothing is removed. Paths are relative to it.
 */
export interface Inside {
  /** Names of the directories in a directory, sorted; empty where there is none. A link is none. */
  folders(path: string): Promise<string[]>;
  /** The first part of the path, as a whole path, that is there and is no directory, such as a link; undefined where the way is free. */
  barred(path: string): Promise<string | undefined>;
  /** A file, or a link itself; nothing where there is none, or where a directory has that name. */
  remove(path: string): Promise<void>;
  /** A directory, when it is empty; says whether it is gone. */
  rmdir(path: string): Promise<boolean>;
  /** A directory with everything in it; says whether it is gone. */
  removeTree(path: string): Promise<boolean>;
}

export interface Host {
  readonly machine: Machine;
  /** Ends what is not run by `run`: a request that takes its time. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The first address of a name, as the whole system resolves it (getaddrinfo(3)).
   * @throws Error whose `code` is `ENOTFOUND` for a name that is nowhere, another one where that cannot be told
   */
  lookup(name: string): Promise<string>;
  /** Runs a program without a shell. Never throws for its exit code; throws Interrupted after Ctrl-C. */
  run(command: string, args: string[], options?: RunOptions): Promise<RunResult>;
  /**
   * What a program makes of its input, as it comes; the program ends when nobody reads on.
   * @throws ProgramFailed, Interrupted
   */
  transform(
    command: string,
    args: string[],
    input: AsyncIterable<Buffer>,
    options: TransformOptions,
  ): AsyncIterable<Buffer>;
  /** Opens a regular file; undefined where there is none, or something else. Never waits for the other end of a pipe. */
  open(path: string): Promise<OpenFile | undefined>;
  /** Writes a new file, and returns when it is on disk. What is there already is an error, a link too; one that fails is removed. */
  save(path: string, chunks: AsyncIterable<Buffer>, mode: number): Promise<void>;
  /** The file's bytes; undefined where there is none. */
  read(path: string): Promise<Buffer | undefined>;
  /** Follows links; undefined where there is nothing. */
  stat(path: string): Promise<Stat | undefined>;
  /** Names in a directory, sorted; empty where there is none. */
  list(path: string): Promise<string[]>;
  /** Atomic: a temporary file beside the target that has its final mode from the first byte, fsync, rename. A link stays a link. */
  write(path: string, content: string | Buffer, options: WriteOptions): Promise<void>;
  /** Adds to the end, and returns when it is on disk. */
  append(path: string, text: string): Promise<void>;
  /** Makes a file that must not be there yet; false where it is. The base of a lock. */
  create(path: string, content: string): Promise<boolean>;
  mkdir(path: string, mode: number): Promise<void>;
  chmod(path: string, mode: number, owner?: { uid: number; gid: number }): Promise<void>;
  /** A file, a link; nothing where there is none. */
  remove(path: string): Promise<void>;
  /** A directory, when it is empty; says whether it went. */
  rmdir(path: string): Promise<boolean>;
  rename(from: string, to: string): Promise<void>;
  /** A directory with everything in it. Only for what root alone can write to: see `inside`. */
  removeTree(path: string): Promise<void>;
  /** What lies below a directory whose content is not to be trusted. */
  inside(root: string): Inside;
  /** Free and total bytes of the file system that holds the path, or the nearest parent that exists. */
  space(path: string): Promise<{ free: number; total: number }>;
}
