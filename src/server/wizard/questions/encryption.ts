// Asks about encryption: one question for --tls, --cert and --ca-cert.
import { resolve } from 'node:path';
import { FLAGS, type FlagName } from '../../../settings/flags.ts';
import type { Choice } from '../../../terminal/prompts.ts';
import { type Asking, current, put, type Question } from './question.ts';

/** The answers to the one question; `tls` turns each into flags. */
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
    description: 'Passwords and images travel in clear, and every client must allow it.   (insecure)',
  },
];

export const tls: Question = {
  flag: 'tls',
  label: 'Encryption',
  // The proxy in front has the encryption that clients see.
  when: (asking) => !current(asking, 'external-url') || asking.answers.tls !== undefined,
  async ask(asking) {
    const { prompts, answers } = asking;
    const given = current(asking, 'cert') ? 'ready' : current(asking, 'ca-cert') ? 'given-ca' : 'own-ca';
    const before = (current(asking, 'tls') ?? FLAGS.tls.default) as string;
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
