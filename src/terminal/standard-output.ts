// Writes a long stream of bytes to standard output, no faster than its reader takes it.
import { CliError, Interrupted } from '../errors.ts';

/** @throws CliError if the reader ends before the stream does; Interrupted; what the stream throws */
export async function toStandardOutput(chunks: AsyncIterable<Buffer>, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const chunk of chunks) {
    if (signal.aborted) throw new Interrupted();
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(chunk, (error) => (error ? reject(gone(error)) : resolve()));
    });
    count += chunk.length;
  }
  return count;
}

const gone = ({ message }: Error) =>
  new CliError('Standard output was closed before everything was written.', { why: message });
