// A file that the set-up writes: its content and its mode.
import { type Mask, unifiedDiff } from '../terminal/diff.ts';
import { shellLine } from '../terminal/shell.ts';
import { groupId } from './account.ts';
import { type Provider, teeLines, wayBackOfFile } from './provider.ts';

/** `group`: may read the file if its mode allows that. `mask`: what to hide when the file is shown. */
export interface FileResource {
  kind: 'file';
  path: string;
  content: string;
  mode: number;
  mask?: Mask | undefined;
  group?: string;
}

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

export const file: Provider<FileResource> = {
  title: ({ path }) => path,
  id: ({ path }) => path,
  removed: (path) => path,
  place: ({ path }) => path,

  review(changes, { dir }) {
    const fresh = changes.every(({ drift }) => drift.what === 'create');
    if (!fresh) return changes.map(({ title }) => `change ${title}`);
    return changes.length > 0
      ? [`make ${dir} (${changes.length} file${changes.length === 1 ? '' : 's'})`]
      : [];
  },

  async check({ path, content, mode, mask, group }, host) {
    const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
    if (!there || !bytes) return { what: 'create', details: unifiedDiff(path, undefined, content, mask) };
    const before = bytes.toString();
    const details = before === content ? [] : unifiedDiff(path, before, content, mask);
    if (there.mode !== mode)
      details.push(`${shellLine('chmod', [octal(mode), path])}      (is ${octal(there.mode)})`);
    if (group !== undefined && there.gid !== (await groupId(host, group)))
      details.push(shellLine('chgrp', [group, path]));
    return details.length > 0 ? { what: 'change', details } : undefined;
  },

  undo: async ({ path }, host, vault) => ({ steps: [await wayBackOfFile(path, host, vault)] }),

  async apply({ path, content, mode, group }, host) {
    const gid = group === undefined ? undefined : await groupId(host, group);
    await host.write(path, content, { mode, ...(gid !== undefined && { uid: 0, gid }) });
  },

  byHand: async ({ path, content }) => teeLines(path, content),

  steps: {},
};
