// Reads the passphrase of a backup: from standard input or a file. Never by the value of a flag.
import { InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { Secret } from '../secret.ts';
import type { Answers } from './answers.ts';
import { standardInput } from './given-passwords.ts';

/** Returns the passphrase: the first line, whatever is in it. Undefined if none was given. @throws InputError, which never shows it */
export async function givenPassphrase(answers: Answers, host: Host): Promise<Secret | undefined> {
  const file = answers['passphrase-file'];
  if (answers['passphrase-stdin']?.value)
    return passphraseIn(await standardInput('--passphrase-stdin'), '--passphrase-stdin');
  if (!file) return undefined;
  const bytes = await host.read(String(file.value));
  if (!bytes) throw new InputError([{ where: file.where, message: `there is no file ${file.value}` }]);
  return passphraseIn(bytes.toString(), file.where);
}

function passphraseIn(text: string, where: string): Secret {
  const [first = '', ...more] = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (first === '') throw new InputError([{ where, message: 'a passphrase cannot be empty' }]);
  // More would be ignored, and missed when the backup is needed.
  if (more.some((line) => line !== ''))
    throw new InputError([{ where, message: 'a passphrase is one line, and here are more' }]);
  return new Secret(first);
}
