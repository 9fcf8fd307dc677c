// The files of a registry that a backup holds: a plan is made as if they lay in the directory already.
import type { Host } from '../../host/host.ts';

/** Bytes by path. */
export type Kept = ReadonlyMap<string, Buffer>;

/** Returns a host that reads these files from the backup. */
export const withKept = (host: Host, kept: Kept | undefined): Host =>
  kept
    ? {
        ...host,
        read: async (path) => kept.get(path) ?? host.read(path),
        async stat(path) {
          const bytes = kept.get(path);
          return bytes ? { type: 'file', mode: 0o600, uid: 0, gid: 0, size: bytes.length } : host.stat(path);
        },
      }
    : host;
