// A file of ours: its content and its mode.
import { unifiedDiff } from '../terminal/diff.ts';
import { groupId } from './account.ts';
import type { Provider, ResourceOf } from './resource.ts';

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

export const file: Provider<ResourceOf<'file'>> = {
  title: ({ path }) => path,

  async check({ path, content, mode, mask, group }, host) {
    const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
    if (!there || !bytes) return { what: 'create', details: unifiedDiff(path, undefined, content, mask) };
    const before = bytes.toString();
    const details = before === content ? [] : unifiedDiff(path, before, content, mask);
    if (there.mode !== mode) details.push(`chmod ${octal(mode)} ${path}      (is ${octal(there.mode)})`);
    if (group !== undefined && there.gid !== (await groupId(host, group)))
      details.push(`chgrp ${group} ${path}`);
    return details.length > 0 ? { what: 'change', details } : undefined;
  },

  async undo({ path }, host, vault) {
    const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
    if (!there || !bytes) return { steps: [{ do: 'remove', path }] };
    const { mode, uid, gid } = there;
    // A copy and not a hard link: docker_auth does not notice that a file was replaced while a link keeps the old one.
    return { steps: [{ do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid }] };
  },

  async apply({ path, content, mode, group }, host) {
    const gid = group === undefined ? undefined : await groupId(host, group);
    await host.write(path, content, { mode, ...(gid !== undefined && { uid: 0, gid }) });
  },
};
