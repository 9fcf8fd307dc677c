// The questions of the wizard, as data: what is asked, what is offered, what is wrong with an answer.
import { join, resolve } from 'node:path';
import type { Answers } from './arguments.ts';
import type { Choice, Prompts } from './ask.ts';
import type { Facts } from './facts.ts';
import type { FlagName } from './flags.ts';
import { bytes } from './output.ts';
import type { Secret } from './secret.ts';
import { checkDirectory, checkHost, checkPassword, checkPort, checkUser, type Wrong } from './validation.ts';

/** What a question may look at, and where its answer goes. */
export interface Asking {
  answers: Answers;
  passwords: Map<string, Secret>;
  facts: Facts;
  dir: string;
  prompts: Prompts;
  /** Free bytes below a path. */
  free(path: string): Promise<number>;
}

export interface Question {
  flag: FlagName;
  /** How it is called in the list of answers that can be changed. */
  label: string;
  /** Left out where this says so; asked when nothing answers it. */
  when(asking: Asking): boolean;
  ask(asking: Asking): Promise<void>;
}

const sentence = (wrong: Wrong | undefined): string | true =>
  wrong ? `${wrong.message.charAt(0).toUpperCase()}${wrong.message.slice(1)}.` : true;
const put = ({ answers }: Asking, name: FlagName, value: string | number | boolean | string[]) => {
  answers[name] = { value, where: `--${name}` };
};
const current = ({ answers }: Asking, name: FlagName) => answers[name]?.value;
const always = () => true;

const host: Question = {
  flag: 'host',
  label: 'Address',
  when: always,
  async ask(asking) {
    const { prompts, facts } = asking;
    const before = current(asking, 'host') as string | undefined;
    const offers = facts.addresses.map((entry) => ({
      value: entry.host,
      name: entry.host.padEnd(20),
      note: entry.note,
    }));
    const own = '';
    let chosen = own;
    if (offers.length > 0)
      chosen = await prompts.select({
        message: 'Address that clients will use',
        default: offers.some(({ value }) => value === before) ? before : offers[0]?.value,
        choices: [
          ...offers.map(({ value, name, note }) => ({
            value,
            name: `${name} ${note}`,
            short: value,
            description: moves(value),
          })),
          {
            value: own,
            name: 'something else …',
            description: 'A name that your clients resolve to this machine.',
          },
        ],
      });
    if (chosen === own)
      chosen = await prompts.input({
        message: 'Address that clients will use',
        ...(before !== undefined && { default: before }),
        validate: (value) => sentence(checkHost(value.trim())),
      });
    put(asking, 'host', chosen.trim());
  },
};

const moves = (value: string) =>
  /^[\d.]+$|^\[/.test(value)
    ? 'An IP address cannot move to another machine; a name can.'
    : 'A name can move to another machine. Every client must be able to resolve it.';

const port: Question = {
  flag: 'port',
  label: 'Port',
  when: always,
  async ask(asking) {
    const { facts, prompts } = asking;
    const before = current(asking, 'port') ?? 5000;
    const kept = facts.last?.port?.value;
    const taken = (text: string) => Number(text) !== kept && facts.listening.has(Number(text));
    const free = [Number(before), 5000, 5050, 30_001, 5443].find((p) => !taken(String(p))) ?? 5000;
    const answer = await prompts.input({
      message: 'Port',
      default: String(free),
      validate: (text) =>
        /^\d+$/.test(text.trim())
          ? taken(text.trim())
            ? `Port ${text.trim()} is taken.`
            : sentence(checkPort(Number(text)))
          : 'A port is a number from 1 to 65535.',
      remark: (text) => (taken(text.trim()) ? 'is taken' : ''),
    });
    put(asking, 'port', Number(answer));
  },
};

const storage: Question = {
  flag: 'storage',
  label: 'Images',
  when: always,
  async ask(asking) {
    const path = String(current(asking, 'storage') ?? join(asking.dir, 'data'));
    const answer = await asking.prompts.input({
      message: `Where the images are kept (${bytes(await asking.free(path))} free)`,
      default: path,
      validate: (text) => sentence(checkDirectory(text.trim())),
    });
    put(asking, 'storage', resolve(answer.trim()));
  },
};

const auth: Question = {
  flag: 'auth',
  label: 'Login',
  when: always,
  async ask(asking) {
    const answer = await asking.prompts.select({
      message: 'Who may use it',
      default: (current(asking, 'auth') as string | undefined) ?? 'htpasswd',
      choices: [
        {
          value: 'htpasswd',
          name: 'people with a password',
          description: 'Everyone who logs in may push and pull.   (htpasswd)',
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

const users: Question = {
  flag: 'user',
  label: 'Users',
  when: (asking) => (current(asking, 'auth') ?? 'htpasswd') !== 'none',
  async ask(asking) {
    const { prompts, facts } = asking;
    const before = (current(asking, 'user') as string[] | undefined) ?? [];
    const names: string[] = [];
    for (;;) {
      const suggestion = before[names.length] ?? (names.length === 0 ? 'admin' : undefined);
      const name = await prompts.input({
        message: 'User name',
        ...(suggestion !== undefined && { default: suggestion }),
        validate: (text) =>
          names.includes(text.trim()) ? 'That one is there already.' : sentence(checkUser(text.trim())),
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

/** Asked twice, unless it is left empty: then the one that is there stays (`kept`), or a strong one is made. */
export async function askPassword(
  { prompts, passwords }: Pick<Asking, 'prompts' | 'passwords'>,
  name: string,
  kept: boolean,
): Promise<void> {
  for (;;) {
    const first = await prompts.password({
      message: `Password for ${name}  [empty: ${kept ? 'as it is' : 'a strong one is made'}]`,
      validate: (text) => text === '' || sentence(checkPassword(text)),
    });
    if (first.reveal() === '') return void passwords.delete(name);
    const again = await prompts.password({ message: 'The same again', validate: () => true });
    if (again.reveal() === first.reveal()) return void passwords.set(name, first);
    await prompts.confirm({ message: 'They differ. Try again?', default: true });
  }
}

/** What the answer to the one question stands for, in flags. */
type Encryption = 'own-ca' | 'ready' | 'given-ca' | 'self-signed' | 'insecure';

const ENCRYPTION: Choice<Encryption>[] = [
  {
    value: 'own-ca',
    name: 'TLS with a CA of its own',
    description: 'Clients trust it with one line, rotation touches no client.   (ca-signed)',
  },
  {
    value: 'ready',
    name: 'TLS with a certificate I have',
    description: 'From a company CA or a public one.   (ca-signed --cert --key)',
  },
  {
    value: 'given-ca',
    name: 'TLS, signed by a CA I have',
    description: 'The CA that your clients trust already signs one here.   (ca-signed --ca-cert --ca-key)',
  },
  {
    value: 'self-signed',
    name: 'TLS, self-signed',
    description:
      'One certificate that signs itself; each new one must be given to every client.   (self-signed)',
  },
  {
    value: 'insecure',
    name: 'none',
    description: 'Passwords and images travel in clear, and every client must be told so.   (insecure)',
  },
];

const tls: Question = {
  flag: 'tls',
  label: 'Encryption',
  when: always,
  async ask(asking) {
    const { prompts, answers } = asking;
    const given = current(asking, 'cert') ? 'ready' : current(asking, 'ca-cert') ? 'given-ca' : 'own-ca';
    const before = (current(asking, 'tls') ?? 'ca-signed') as string;
    const answer = await prompts.select<Encryption>({
      message: 'Encryption',
      default: before === 'ca-signed' ? given : (before as Encryption),
      choices: ENCRYPTION,
    });
    for (const name of ['cert', 'key', 'ca-cert', 'ca-key'] as const) delete answers[name];
    put(asking, 'tls', ['self-signed', 'insecure'].includes(answer) ? answer : 'ca-signed');
    if (answer === 'ready')
      await filesOf(asking, 'cert', 'key', 'The certificate (PEM with its chain, DER or PFX)');
    if (answer === 'given-ca')
      await filesOf(asking, 'ca-cert', 'ca-key', "The CA's certificate, with its issuers");
    if (answer === 'insecure' && current(asking, 'auth') !== 'none') {
      const sure = await prompts.confirm({
        message: 'Everyone on the way can read the passwords. Really?',
        default: false,
      });
      if (!sure) await tls.ask(asking);
    }
  },
};

/** Paths of a certificate and its key; a PFX holds both, so the second may stay empty. */
async function filesOf(asking: Asking, cert: FlagName, key: FlagName, message: string) {
  const { prompts } = asking;
  const first = await prompts.input({
    message,
    validate: (text) => text.trim() !== '' || 'A path is needed.',
  });
  put(asking, cert, resolve(first.trim()));
  if (/\.(pfx|p12)$/i.test(first.trim())) return;
  const second = await prompts.input({
    message: 'Its key',
    validate: (text) => text.trim() !== '' || 'A path is needed.',
  });
  put(asking, key, resolve(second.trim()));
}

export const QUESTIONS: Question[] = [host, port, storage, auth, users, tls];

/** Asks what nothing has answered yet. */
export async function askMissing(asking: Asking): Promise<void> {
  for (const question of QUESTIONS)
    if (asking.answers[question.flag] === undefined && question.when(asking)) await question.ask(asking);
}
