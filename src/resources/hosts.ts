// A name in the hosts file, in one line with the mark of this program.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { namesIn } from '../host/resolution.ts';
import { sha256 } from '../host/sha256.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { type Before, inverseOfFile, type Provider } from './provider.ts';

/** A name and its address in the hosts file. */
export interface HostsResource {
  kind: 'hosts';
  path: string;
  name: string;
  address: string;
}

type LineStep = { do: 'line'; path: string; line: string } & Before;

type Line = Pick<HostsResource, 'path' | 'name' | 'address'>;

const MARK = '# registry-setup';
const lineOf = ({ address, name }: Line) => `${address} ${name} ${MARK}`;

const isOurs = (other: string, { name }: Line) =>
  other.trimEnd().endsWith(MARK) && other.split(/\s+/)[1] === name;

/** Returns the file with the line, and without an older marked line for that name. One byte is one character, so that nothing else changes. */
function wanted(text: string, line: Line): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const kept = text
    .split('\n')
    .filter((other) => !isOurs(other, line))
    .join('\n');
  return `${kept}${kept === '' || kept.endsWith('\n') ? '' : eol}${lineOf(line)}${eol}`;
}

const has = (text: string, line: string) => text.split(/\r?\n/).includes(line);

/** Returns the addresses that others gave the name in the file. A second line would contradict theirs. (hosts(5)) */
const othersIn = (text: string, line: Line): string[] =>
  text
    .split('\n')
    .filter((other) => !isOurs(other, line) && namesIn(other).includes(line.name.toLowerCase()))
    .map((other) => other.trim().split(/\s+/)[0] ?? '');

/** @throws CliError (exit 2) if a line that others wrote leads the name to another address */
export async function mustAgree(resource: HostsResource, host: Host): Promise<void> {
  const { path, name, address } = resource;
  const found = othersIn((await host.read(path))?.toString('latin1') ?? '', resource);
  if (found.length === 0 || found.includes(address)) return;
  throw new CliError(`${path} leads ${name} to ${found.join(' and ')}, not to ${address}.`, {
    fix: [`Change that line:   ${address} ${name}`, 'Or go without:      leave --address out'],
    exitCode: 2,
  });
}

export const hosts: Provider<HostsResource, LineStep> = {
  title: ({ name, address, path }) => `line "${address} ${name}" in ${path}`,
  id: ({ name }) => name,
  removed: (name) => `line for ${name} in the hosts file`,
  shared: true,
  place: ({ path }) => path,
  review: (changes) =>
    changes.map(({ title, drift }) => `${drift.what === 'create' ? 'add' : 'change'} the ${title}`),

  async check(resource, host) {
    const before = (await host.read(resource.path))?.toString('latin1') ?? '';
    if (has(before, lineOf(resource)) || othersIn(before, resource).length > 0) return undefined;
    const what = before.split('\n').some((other) => isOurs(other, resource)) ? 'change' : 'create';
    return { what, details: unifiedDiff(resource.path, before, wanted(before, resource)) };
  },

  async undo(resource, host, vault) {
    const { path } = resource;
    const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
    const { mode, uid, gid } = there ?? { mode: 0o644, uid: 0, gid: 0 };
    const wrote = sha256(Buffer.from(wanted(bytes?.toString('latin1') ?? '', resource), 'latin1'));
    const copy = bytes && { copy: await vault.keep(bytes) };
    return {
      steps: [{ do: 'line', path, line: lineOf(resource), wrote, mode, uid, gid, made: !bytes, ...copy }],
    };
  },

  async apply(resource, host) {
    const there = await host.stat(resource.path);
    const before = (await host.read(resource.path))?.toString('latin1') ?? '';
    await host.write(
      resource.path,
      Buffer.from(wanted(before, resource), 'latin1'),
      there ?? { mode: 0o644 },
    );
  },

  byHand: async (resource) => [`echo '${lineOf(resource)}' | sudo tee -a ${resource.path} >/dev/null`],

  steps: {
    line: {
      perform: undoLine,
      isLeft: async ({ path, line }, host) => has((await host.read(path))?.toString('latin1') ?? '', line),
      inverse: ({ path }, host, vault) => inverseOfFile(path, host, vault),
      words: ({ path, line }) => `${path}: without the line "${line}"`,
    },
  },
};

/** Restores the former bytes if nobody changed the file since, else removes the line alone. */
async function undoLine(step: LineStep, host: Host): Promise<void> {
  const { path, line, copy, wrote, made } = step;
  const bytes = await host.read(path);
  if (!bytes) return;
  const untouched = wrote === undefined || sha256(bytes) === wrote;
  if (untouched && made) return host.remove(path);
  const kept = untouched && copy ? await host.read(copy) : undefined;
  if (untouched && copy && !kept) throw new CliError(`The copy of ${path} is gone.`);
  const text = bytes.toString('latin1');
  const rest = text.split('\n').filter((other) => other.trimEnd() !== line);
  const former = kept ?? Buffer.from(rest.join('\n'), 'latin1');
  // The line was never written: it may be impossible here, as where a container engine mounts the file.
  if (!former.equals(bytes)) await host.write(path, former, step);
}
