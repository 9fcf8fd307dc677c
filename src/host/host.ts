// The machine: files, programs, addresses, names, ports, services; firewall/.
// Defines Host, the interface to the files and commands of a machine, so that a test can pass in another machine.
import type { Machine } from './machine.ts';

export interface RunOptions {
  /** Standard input: secrets are passed here. */
  input?: string | Buffer | undefined;
  env?: Record<string, string> | undefined;
  /** Milliseconds; 60 000 by default. 0: no limit. */
  timeout?: number | undefined;
  /** Receives each line of both streams as it comes, to show the progress of a long command. */
  onLine?: ((line: string) => void) | undefined;
  /**
   * The command changes nothing. The same question has the same answer for two seconds, unless this program runs another command or
   * writes a file meanwhile; to an engine, a file that the engine reads. Not for a loop that waits for another answer.
   */
  question?: true | undefined;
  /** The program came from elsewhere and is not trusted: see src/host/stranger.ts. `input`, `env` and `onLine` mean nothing then. */
  stranger?: true | undefined;
}

export interface RunResult {
  /** 127: there is no such command. 126: it cannot be run. 124: it timed out. 128 and more: a signal ended it. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface Stat {
  type: 'file' | 'dir' | 'other';
  /** Permission bits only, such as 0o600. */
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
 * What is below a directory that an untrusted program writes to, such as the storage of a registry. If any part of a path below it is a
 * link, even one that is put there meanwhile, nothing is removed. Paths are relative to the directory.
 */
/** What is in a directory: one entry, as lstat(2) tells of it. */
export interface InsideEntry {
  name: string;
  /** `other`: a link, a device, a socket. */
  type: 'file' | 'dir' | 'other';
  bytes: number;
  modified: Date;
}

/** How a new file below an untrusted directory is made. */
export interface PutOptions {
  /** Of the file and of the directories that are made for it. */
  owner: { uid: number; gid: number };
  /** Its time; now by default. */
  modified?: Date | undefined;
  /** Returns only when it is on disk. */
  synced?: true | undefined;
}

export interface Inside {
  /** Returns what is in a directory; empty if there is none. Follows no link. */
  entries(path: string): Promise<InsideEntry[]>;
  /** Returns the names of the directories in a directory, sorted; empty if there is none. Skips links. */
  folders(path: string): Promise<string[]>;
  /** Opens a regular file; returns undefined if there is none, or something else, such as a link. */
  open(path: string): Promise<OpenFile | undefined>;
  /**
   * Writes a new file that everybody may read, and makes the directories above it. Removes the file if writing fails.
   * @throws CliError if the path exists, or a part of it is not a directory
   */
  put(path: string, chunks: AsyncIterable<Buffer>, options: PutOptions): Promise<void>;
  /** Returns the full path of the first part that exists and is not a directory, such as a link; undefined if there is none. */
  barred(path: string): Promise<string | undefined>;
  /** Removes a file, or a link itself; does nothing if there is none, or if a directory has that name. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory; returns whether the directory no longer exists. */
  rmdir(path: string): Promise<boolean>;
  /** Removes a directory with everything in it; returns whether the directory no longer exists. */
  removeTree(path: string): Promise<boolean>;
}

export interface Host {
  readonly machine: Machine;
  /** Ends what `run` does not run, such as a slow request. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Returns the first address of a name, as the system resolves it (getaddrinfo(3)).
   * @throws Error whose `code` is `ENOTFOUND` if the name does not exist, another code if that is unknown
   */
  lookup(name: string): Promise<string>;
  /** Runs a program without a shell. Never throws for its exit code; throws Interrupted after Ctrl-C. */
  run(command: string, args: string[], options?: RunOptions): Promise<RunResult>;
  /**
   * Yields what a program makes of its input, as it comes; ends the program when the reader stops.
   * @throws ProgramFailed, Interrupted
   */
  transform(
    command: string,
    args: string[],
    input: AsyncIterable<Buffer>,
    options: TransformOptions,
  ): AsyncIterable<Buffer>;
  /** Opens a regular file; returns undefined if there is none, or something else. Never waits for the other end of a pipe. */
  open(path: string): Promise<OpenFile | undefined>;
  /** Writes a new file; returns when it is on disk. Throws if the path exists, even as a link; removes the file if writing fails. */
  save(path: string, chunks: AsyncIterable<Buffer>, mode: number): Promise<void>;
  /** Returns the file's bytes; undefined if there is no file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Follows links; returns undefined if the path does not exist. */
  stat(path: string): Promise<Stat | undefined>;
  /** Returns the names in a directory, sorted; empty if there is no directory. */
  list(path: string): Promise<string[]>;
  /** Writes atomically: a temporary file beside the target with its final mode from the first byte, fsync, rename. A link stays a link. */
  write(path: string, content: string | Buffer, options: WriteOptions): Promise<void>;
  /** Appends the text; returns when it is on disk. */
  append(path: string, text: string): Promise<void>;
  /** Creates a file; returns false if it exists already. The base of a lock. */
  create(path: string, content: string): Promise<boolean>;
  mkdir(path: string, mode: number): Promise<void>;
  chmod(path: string, mode: number, owner?: { uid: number; gid: number }): Promise<void>;
  /** Removes a file or a link; does nothing if there is none. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory; returns whether it no longer exists. */
  rmdir(path: string): Promise<boolean>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a directory with everything in it. Only for directories that root alone can write to: see `inside`. */
  removeTree(path: string): Promise<void>;
  /** Returns what is below a directory whose content is not trusted. */
  inside(root: string): Inside;
  /**
   * Returns free and total bytes of the file system that holds the path, or its nearest parent that exists; and its files, where it has
   * room for a fixed number of them.
   */
  space(path: string): Promise<{ free: number; total: number; files?: { free: number; total: number } }>;
}
