// Asks who may use the registry: the mode, the users and their passwords.
import { Interrupted } from '../../../errors.ts';
import { FLAGS } from '../../../settings/flags.ts';
import { checkPassword, wrong } from '../../../settings/validation.ts';
import { type Asking, always, current, put, type Question, sentence } from './question.ts';

export const auth: Question = {
  flag: 'auth',
  label: 'Login',
  when: always,
  async ask(asking) {
    const answer = await asking.prompts.select({
      message: 'Who may use it',
      default: (current(asking, 'auth') as string | undefined) ?? FLAGS.auth.default,
      choices: [
        {
          value: 'htpasswd',
          name: 'people with a password',
          description: 'Everyone who logs in may push and pull.   (htpasswd)',
        },
        {
          value: 'token',
          name: 'some push, others only pull',
          description: 'Administrators and readers, pulls without login if you like.   (token)',
        },
        {
          value: 'none',
          name: 'everyone who can reach it',
          description: 'No login: whoever reaches the port may push, pull and delete.   (none)',
        },
      ],
    });
    put(asking, 'auth', answer);
  },
};

export const users: Question = {
  flag: 'user',
  label: 'Users',
  when: (asking) => (current(asking, 'auth') ?? FLAGS.auth.default) !== 'none',
  async ask(asking) {
    const { prompts, facts } = asking;
    const before = (current(asking, 'user') as string[] | undefined) ?? [];
    const [first] = FLAGS.user.default({ dir: asking.dir });
    const names: string[] = [];
    for (;;) {
      const suggestion = before[names.length] ?? (names.length === 0 ? first : undefined);
      const name = await prompts.input({
        message: isToken(asking) ? 'Administrator (may push and pull)' : 'User name',
        ...(suggestion !== undefined && { default: suggestion }),
        validate: (text) =>
          names.includes(text.trim())
            ? 'That user exists already.'
            : sentence(FLAGS.user.check([text.trim()])),
      });
      names.push(name.trim());
      const known = facts.last?.user?.value as string[] | undefined;
      await askPassword(asking, name.trim(), known?.includes(name.trim()) ?? false);
      if (!(await prompts.confirm({ message: 'One more user?', default: before.length > names.length })))
        break;
    }
    put(asking, 'user', names);
  },
};

const isToken = (asking: Asking) => current(asking, 'auth') === 'token';

export const readers: Question = {
  flag: 'reader',
  label: 'Readers',
  when: isToken,
  async ask(asking) {
    const { prompts, facts } = asking;
    const before = (current(asking, 'reader') as string[] | undefined) ?? [];
    const given: string[] = [];
    const admins = (current(asking, 'user') as string[] | undefined) ?? [];
    const twice = (text: string) => {
      const [name = ''] = text.split(':');
      return admins.includes(name) ? wrong('that user is an administrator already') : undefined;
    };
    for (;;) {
      const suggestion = before[given.length];
      const entry = await prompts.input({
        message: 'Who may only pull  [NAME, or NAME:team/*; empty: nobody else]',
        ...(suggestion !== undefined && { default: suggestion }),
        validate: (text) =>
          text.trim() === '' || sentence(FLAGS.reader.check([text.trim()]) ?? twice(text.trim())),
      });
      if (entry.trim() === '') break;
      const [name = ''] = entry.trim().split(':');
      if (!given.some((other) => other.split(':')[0] === name)) {
        const known = facts.last?.reader?.value as string[] | undefined;
        await askPassword(asking, name, known?.some((other) => other.split(':')[0] === name) ?? false);
      }
      given.push(entry.trim());
    }
    put(asking, 'reader', given);
    if (!mayAllPull(asking)) put(asking, 'anonymous-pull', false);
  },
};

/** Tells whether pulls without login are possible: not if a reader is limited to some repositories. */
const mayAllPull = (asking: Asking) =>
  !((current(asking, 'reader') as string[] | undefined) ?? []).some((reader) => reader.includes(':'));

export const anonymousPull: Question = {
  flag: 'anonymous-pull',
  label: 'Pulls without login',
  when: (asking) => isToken(asking) && mayAllPull(asking),
  async ask(asking) {
    const before = current(asking, 'anonymous-pull') === true;
    const message = 'May everybody pull without a login?';
    put(asking, 'anonymous-pull', await asking.prompts.confirm({ message, default: before }));
  },
};

export const authPort: Question = {
  flag: 'auth-port',
  label: 'Port for logins',
  // Behind the gateway the logins have the registry's port.
  when: (asking) => isToken(asking) && !current(asking, 'ui') && !current(asking, 'gateway'),
  async ask(asking) {
    const { facts, prompts } = asking;
    const { default: usual, check } = FLAGS['auth-port'];
    const before = Number(current(asking, 'auth-port') ?? usual);
    const taken = (port: number) =>
      port === current(asking, 'port') ||
      (port !== facts.last?.['auth-port']?.value && facts.listening.has(port));
    const free = [before, usual, 5002, 5051, 30_002].find((port) => !taken(port)) ?? usual;
    const answer = await prompts.input({
      message: 'Port where clients fetch their tokens',
      default: String(free),
      validate: (text) =>
        taken(Number(text)) ? `Port ${text.trim()} is taken.` : sentence(check(Number(text))),
      remark: (text) => (taken(Number(text)) ? 'is taken' : ''),
    });
    put(asking, 'auth-port', Number(answer));
  },
};

/**
 * Asks for a user's password, twice unless it is empty: then the existing one stays (`kept`), or a strong one is generated later.
 * @throws Interrupted if the two differ and the user does not try again
 */
export async function askPassword(
  { prompts, passwords }: Pick<Asking, 'prompts' | 'passwords'>,
  name: string,
  kept: boolean,
): Promise<void> {
  for (;;) {
    const first = await prompts.password({
      message: `Password for ${name}  [empty: ${kept ? 'unchanged' : 'a strong one is made'}]`,
      validate: (text) => text === '' || sentence(checkPassword(text)),
    });
    if (first.reveal() === '') return void passwords.delete(name);
    const again = await prompts.password({ message: 'Repeat the password', validate: () => true });
    if (again.reveal() === first.reveal()) return void passwords.set(name, first);
    if (await prompts.confirm({ message: 'The passwords differ. Try again?', default: true })) continue;
    throw new Interrupted('Nothing was changed.');
  }
}
