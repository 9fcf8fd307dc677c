// A regular file that is open for reading, from a handle that is open already.
import { Interrupted } from '../errors.ts';
import type { OpenFile } from './host.ts';

/** What is used of a handle of Node. */
interface Handle {
  stat(): Promise<{ isFile(): boolean; size: number }>;
  read(buffer: Buffer, offset: number, length: number, at: number): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

/**
 * Returns the open file; closes the handle and returns undefined if it is something else, such as a pipe.
 * @param fail turns an error of the file system into one for the user, and throws it
 */
export async function openFileOf(
  handle: Handle,
  fail: (error: unknown) => never,
  signal: AbortSignal | undefined,
): Promise<OpenFile | undefined> {
  const found = await handle.stat();
  if (!found.isFile()) {
    await handle.close();
    return undefined;
  }
  return {
    size: found.size,
    async read(at, length) {
      if (signal?.aborted) throw new Interrupted();
      // What is returned was read: nothing of the memory's former content.
      const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, found.size - at)));
      let done = 0;
      while (done < buffer.length) {
        const { bytesRead } = await handle.read(buffer, done, buffer.length - done, at + done).catch(fail);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return buffer.subarray(0, done);
    },
    close: () => handle.close(),
  };
}
