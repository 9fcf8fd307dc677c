// Reads the passwords that the user gives: by standard input, a file or the environment. Never by the value of a flag.
import { CliError, InputError, type Problem } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { Secret } from '../secret.ts';
import { commandLine } from '../terminal/command.ts';
import type { Answers } from './answers.ts';
import { checkPassword } from './validation.ts';

/** Read once: a command that begins again has the same passwords. */
let piped: Promise<string> | undefined;

/** Returns what is piped in. @param flag the flag that asks for it @throws CliError (exit 2) on a terminal */
export const standardInput = (flag: string): Promise<string> => {
  piped ??= readStandardInput(flag);
  return piped;
};

async function readStandardInput(flag: string): Promise<string> {
  if (process.stdin.isTTY)
    throw new CliError(`${flag}: nothing is piped in.`, {
      fix: commandLine(`${flag} < FILE`),
      exitCode: 2,
    });
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const part of process.stdin) text += part;
  return text;
}

/** Returns the source of the passwords, and their text; undefined if none were given. */
async function given(answers: Answers, env: NodeJS.ProcessEnv, host: Host) {
  if (answers['password-stdin']?.value) {
    return { where: '--password-stdin', text: await standardInput('--password-stdin') };
  }
  const file = answers['password-file'];
  if (file) {
    const bytes = await host.read(String(file.value));
    if (!bytes) throw new InputError([{ where: file.where, message: `there is no file ${file.value}` }]);
    return { where: file.where, text: bytes.toString() };
  }
  const text = env.REGISTRY_SETUP_PASSWORD;
  return text ? { where: 'REGISTRY_SETUP_PASSWORD', text } : undefined;
}

/**
 * Reads the given passwords. One line is the password of the only, or the first, user; lines NAME:PASSWORD name the user.
 * @param users those who may have one; the first of them gets a line without a name
 * @throws InputError that names the line and never shows it
 */
export async function givenPasswords(
  answers: Answers,
  env: NodeJS.ProcessEnv,
  host: Host,
  users: string[],
): Promise<Map<string, Secret>> {
  const source = await given(answers, env, host);
  const passwords = new Map<string, Secret>();
  if (!source) return passwords;
  const lines = source.text.replace(/^\uFEFF/, '').split(/\r?\n/);
  while (lines.at(-1) === '') lines.pop();
  const problems: Problem[] = [];
  const named = (line: string) => users.find((user) => line.startsWith(`${user}:`));
  lines.forEach((line, index) => {
    const where = lines.length > 1 ? `${source.where}, line ${index + 1}` : source.where;
    const user = named(line) ?? (lines.length === 1 ? users[0] : undefined);
    if (!user) {
      // The line may be a password, or a part of one: no error shows it.
      const message = 'is not NAME:PASSWORD of a user who may log in';
      problems.push({ where, message, fix: `The users are ${users.join(', ') || 'none'}.` });
      return;
    }
    const password = named(line) ? line.slice(user.length + 1) : line;
    const wrong = checkPassword(password);
    if (wrong) problems.push({ where, message: wrong.message });
    else passwords.set(user, new Secret(password));
  });
  if (lines.length === 0) problems.push({ where: source.where, message: 'a password cannot be empty' });
  if (problems.length > 0) throw new InputError(problems);
  return passwords;
}
