// `registry-setup export WHAT [FILE|-]`: writes what the registry of this machine is to another program.
import { dirname, join, resolve } from 'node:path';
import { type Context, isOn } from '../context.ts';
import { InputError } from '../errors.ts';
import { isProxy, PROXIES, proxyConfig } from '../export/proxy.ts';
import { settingsHere } from '../server/existing.ts';
import { nearest } from '../settings/nearest.ts';
import type { Settings } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { quoted } from '../terminal/shell.ts';

/** @throws InputError (exit 2) for a word that is nothing to export, a registry without a proxy in front, a file that is there */
export async function exportFor(context: Context): Promise<void> {
  const { operands, output, host } = context;
  const [what = '', place = '-'] = operands;
  if (!isProxy(what)) throw unknownWord(what);
  const settings = await settingsHere(context);
  if (settings.externalUrl === undefined) throw withoutProxy(what);
  const text = proxyConfig(what, settings, rootsOf(settings));
  if (place === '-') {
    output.json({ ok: true, what, text });
    if (!isOn(context, 'json')) output.out(text.trimEnd());
    return;
  }
  const file = await target(context, what, place);
  const before = (await host.read(file))?.toString();
  if (before === text) output.say(`${file} is as it should be.`);
  else if (isOn(context, 'dry-run')) output.say(`Would write ${file}.`);
  else {
    await host.write(file, text, { mode: 0o644 });
    output.say(`Wrote ${file}.`);
  }
  output.json({ ok: true, what, file });
}

/** Returns the file with the roots that verify the registry's own certificate. */
const rootsOf = ({ dir }: Settings): string => join(dir, 'certs/ca.crt');

function unknownWord(what: string): InputError {
  const near = nearest(what.toLowerCase(), PROXIES);
  return new InputError([
    {
      where: quoted(what),
      message: `"export" takes ${PROXIES.join(', ')}${near ? `; did you mean "${near}"?` : ''}`,
      fix: commandLine(`export ${near ?? PROXIES[0]}`),
    },
  ]);
}

const withoutProxy = (what: string): InputError =>
  new InputError([
    {
      where: what,
      message: 'stands in front of a registry with an address of its own, and this one has none',
      fix: commandLine('--external-url https://NAME'),
    },
  ]);

/** Returns the file to write: a new one, or one that this command has written. @throws InputError */
async function target({ host }: Context, what: string, place: string): Promise<string> {
  const file = resolve(place);
  const bad = (message: string, fix?: string) => new InputError([{ where: place, message, fix }]);
  const [there, parent] = await Promise.all([host.stat(file), host.stat(dirname(file))]);
  if (there && there.type !== 'file') throw bad('is not a file');
  if (parent?.type !== 'dir')
    throw bad(`there is no directory ${dirname(file)}`, `mkdir -p ${quoted(dirname(file))}`);
  const before = there && (await host.read(file))?.toString();
  if (before && !before.includes(`\`registry-setup export ${what}\``))
    throw bad(
      'is there and was not written by this command: it is not overwritten',
      `Look at it first:   ${commandLine(`export ${what}`)}`,
    );
  return file;
}
