// Stores generated passwords that no terminal showed: in a file for root alone, one line for each user.
import { join } from 'node:path';
import type { Context } from '../context.ts';
import type { Step } from '../reconcile/progress.ts';
import type { Run } from '../reconcile/run.ts';
import { type FileResource, file as fileProvider } from '../resources/file.ts';
import { everyone } from '../settings/readers.ts';
import type { Secrets } from './plan/secrets.ts';
import type { ServerRequest } from './request.ts';

const placeOf = ({ settings: { dir } }: ServerRequest) => join(dir, 'generated-passwords');

/** Returns the file for the passwords of this run; undefined if none was generated, or if a terminal shows them. */
export const passwordFile = (
  request: ServerRequest,
  { generated }: Secrets,
  { output }: Context,
): string | undefined => (generated.size > 0 && !output.terminal ? placeOf(request) : undefined);

/** Returns the step that adds generated passwords to the file, and removes those that were changed or whose user was removed. */
export async function passwordSteps(
  request: ServerRequest,
  secrets: Secrets,
  context: Context,
  run: Run,
): Promise<Step[]> {
  const { host } = context;
  const path = placeOf(request);
  // While logins are off, the hashes stay for a return to them, and so do the passwords.
  const asleep = request.settings.auth === 'none';
  const users = everyone(request.settings);
  const before = (await host.read(path))?.toString().split('\n').filter(Boolean) ?? [];
  const kept = before.filter((line) => {
    const [name = ''] = line.split(':');
    return (asleep || users.includes(name)) && !request.passwords.has(name) && !secrets.generated.has(name);
  });
  const shown = passwordFile(request, secrets, context) === undefined;
  const made = shown ? [] : [...secrets.generated].map(([name, word]) => `${name}:${word.reveal()}`);
  if (made.length === 0 && kept.length === before.length) return [];
  const lines = [...kept, ...made];
  const write = async () => {
    const file: FileResource = { kind: 'file', path, content: '', mode: 0o600 };
    // The file is in no plan: `kept` leaves its removal to uninstall.
    await run.record(
      { kind: 'file', id: path, kept: true },
      path,
      await fileProvider.undo(file, host, run),
      false,
    );
    if (lines.length > 0) await host.write(path, `${lines.join('\n')}\n`, { mode: 0o600 });
    else await host.remove(path);
    return undefined;
  };
  const title = made.length > 0 ? `Generated password in ${path}` : `Removed former passwords from ${path}`;
  return [{ title, run: write }];
}
