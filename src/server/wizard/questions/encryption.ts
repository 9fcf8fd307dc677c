// Asks about encryption: one question for --tls, --acme, --cert and --ca-cert.
import { resolve } from 'node:path';
import { ACME_OPTIONS, checkEmail, privateName } from '../../../settings/acme.ts';
import { FLAGS, type FlagName } from '../../../settings/flags.ts';
import type { Choice } from '../../../terminal/prompts.ts';
import { type Asking, current, put, type Question, sentence } from './question.ts';

/** The answers to the one question; `tls` turns each into flags. */
type Encryption = 'own-ca' | 'acme' | 'ready' | 'given-ca' | 'self-signed' | 'insecure';

const ENCRYPTION: Choice<Encryption>[] = [
  {
    value: 'own-ca',
    name: 'TLS with a CA of its own',
    description: 'Clients trust it with one line, rotation touches no client.   (ca-signed)',
  },
  {
    value: 'acme',
    name: "TLS with a certificate from Let's Encrypt",
    description: 'Clients need nothing. The internet must reach port 80 here.   (ca-signed --acme)',
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
    description: 'Passwords and images travel in clear, and every client must allow it.   (insecure)',
  },
];

/** The flag that tells each source of a certificate; of two the first counts. */
const SOURCES: [FlagName, Encryption][] = [
  ['acme', 'acme'],
  ['cert', 'ready'],
  ['ca-cert', 'given-ca'],
];

/** Offers a public certificate for a name that may have one, and where there is one by ACME already. */
function choicesFor(asking: Asking): Choice<Encryption>[] {
  const may = current(asking, 'acme') || privateName(String(current(asking, 'host') ?? '')) === undefined;
  return ENCRYPTION.filter(({ value }) => value !== 'acme' || may);
}

async function mailOf(asking: Asking, before: unknown): Promise<void> {
  const email = await asking.prompts.input({
    message: 'Your mail address, for the CA; by giving it you agree to its terms',
    ...(typeof before === 'string' && { default: before }),
    validate: (text) =>
      text.trim() === '' ? 'A mail address is needed.' : sentence(checkEmail(text.trim())),
  });
  put(asking, 'acme', email.trim());
}

export const tls: Question = {
  flag: 'tls',
  label: 'Encryption',
  // The proxy in front has the encryption that clients see.
  when: (asking) => !current(asking, 'external-url') || asking.answers.tls !== undefined,
  async ask(asking) {
    const { prompts, answers } = asking;
    const given = SOURCES.find(([flag]) => current(asking, flag))?.[1] ?? 'own-ca';
    const before = (current(asking, 'tls') ?? FLAGS.tls.default) as string;
    const answer = await prompts.select<Encryption>({
      message: 'Encryption',
      default: before === 'ca-signed' ? given : (before as Encryption),
      choices: choicesFor(asking),
    });
    const email = current(asking, 'acme');
    for (const name of ['cert', 'key', 'ca-cert', 'ca-key', 'acme'] as const) delete answers[name];
    if (answer !== 'acme') for (const name of ACME_OPTIONS) delete answers[name];
    put(asking, 'tls', ['self-signed', 'insecure'].includes(answer) ? answer : 'ca-signed');
    if (answer === 'acme') await mailOf(asking, email);
    if (answer === 'ready')
      await filesOf(asking, 'cert', 'key', 'The certificate (PEM with its chain, DER or PFX)');
    if (answer === 'given-ca')
      await filesOf(asking, 'ca-cert', 'ca-key', "The CA's certificate, with its issuers");
    if (answer === 'insecure' && current(asking, 'auth') !== 'none' && !current(asking, 'external-url')) {
      const sure = await prompts.confirm({
        message: 'Everyone on the network path can read the passwords. Continue?',
        default: false,
      });
      if (!sure) await tls.ask(asking);
    }
  },
};

/** Asks for the paths of a certificate and its key; only for the first if it is a PFX file, which holds both. */
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
