// Writes a backup as one stream, and as one file that was read back before it has its name.
import type { Host } from '../../../host/host.ts';
import { type Packing, packed } from './packing.ts';
import { type Plan, piecesOf } from './pieces.ts';
import { readBackup } from './read.ts';
import { type Passphrase, sealed } from './seal.ts';

export interface How {
  packing: Packing;
  key: Passphrase | undefined;
}

/** Yields a backup. @param told receives the bytes of images so far */
export const backupStream = (
  host: Host,
  plan: Plan,
  { packing, key }: How,
  told?: (done: number) => void,
): AsyncGenerator<Buffer> => {
  const chunks = packed(host, packing, piecesOf(host, plan, told));
  return key ? sealed(chunks, key) : chunks;
};

/** Reads a file that was written to its end. @throws CliError (exit 2) if it is not whole */
export async function checkFile(
  host: Host,
  path: string,
  { key }: How,
  told?: (done: number) => void,
): Promise<void> {
  await readBackup(host, path, { passphrase: async () => key, ...(told && { told }) });
}
