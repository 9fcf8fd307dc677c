// Finds what does not go together with --acme, or goes with it alone.
import { isIP } from 'node:net';
import type { Problem } from '../errors.ts';
import { bare } from '../host/names.ts';
import { ACME_OPTIONS, PROOF_PORT, privateName } from './acme.ts';
import { type Answer, type Answers, given, said } from './answers.ts';
import type { FlagName } from './flags.ts';
import type { Settings } from './settings.ts';

const OTHER_SOURCES = ['cert', 'key', 'ca-key'] as const;

/** Returns what does not go together with --acme, or goes with it alone. */
export function acmeProblems(answers: Answers, settings: Settings): Problem[] {
  const problem = ({ where }: Pick<Answer, 'where'>, message: string, fix?: string): Problem => ({
    where,
    message,
    fix,
  });
  const acme = given(answers, 'acme');
  if (!acme) {
    const stray = ACME_OPTIONS.map((name) => said(answers, name)).filter((answer) => answer !== undefined);
    return stray.map((answer) => problem(answer, 'goes with --acme EMAIL', '--acme EMAIL'));
  }
  const { host, san, port, tls, acmeDnsHook, acmeServer } = settings;
  if (tls !== 'ca-signed')
    return [
      problem(
        acme,
        `goes with --tls ca-signed, not with ${tls}`,
        acme.last ? `--tls ${tls} --acme ''` : '--tls ca-signed',
      ),
    ];
  const problems: Problem[] = [];
  const other = OTHER_SOURCES.map((name) => given(answers, name)).find((answer) => answer !== undefined);
  if (other)
    problems.push(
      acme.last
        ? problem(
            other,
            'this registry has its certificate by --acme',
            `${other.where.split(' ')[0]} FILE --acme ''`,
          )
        : problem(acme, 'is another source of the certificate than --cert, --key and --ca-key', undefined),
    );
  const [kid, key] = [given(answers, 'acme-eab-kid'), given(answers, 'acme-eab-key-file')];
  const both = '--acme-eab-kid ID --acme-eab-key-file FILE';
  if ((kid === undefined) !== (key === undefined))
    problems.push(problem((kid ?? key) as Answer, 'the id and the key of an account belong together', both));
  const names: [Answer | undefined, FlagName, string][] = [
    [answers.host, 'host', host],
    ...san.map((name): [Answer | undefined, FlagName, string] => [answers.san, 'san', name]),
  ];
  for (const [answer, flag, name] of names) {
    const at = { where: answer?.where ?? `--${flag}` };
    const why = isIP(bare(name)) || !acmeServer ? privateName(name) : undefined;
    if (why)
      problems.push(
        problem(
          at,
          `no public CA issues a certificate for ${name}: ${why}`,
          flag === 'host' ? '--host registry.example.com' : 'Leave it out.',
        ),
      );
    else if (name.startsWith('*.') && !acmeDnsHook)
      problems.push(problem(at, `${name} can be proven by DNS alone`, '--acme-dns-hook PROGRAM'));
  }
  if (port === PROOF_PORT && !acmeDnsHook)
    problems.push(
      problem(answers.port ?? { where: '--port' }, 'port 80 is where the CA looks at the name', '--port 443'),
    );
  return problems;
}
