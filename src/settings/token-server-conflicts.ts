// Finds answers about a token server that exists already which do not go together.
import type { Problem } from '../errors.ts';
import { type Answers, said } from './answers.ts';
import type { Settings } from './settings.ts';

const OF_SERVER = ['token-cert', 'token-issuer', 'token-service'] as const;
/** What docker_auth alone has. */
const OF_DOCKER_AUTH = ['user', 'reader', 'anonymous-pull', 'auth-port', 'auth-image'] as const;

/** Returns a problem for each answer about a token server that does not go with the others. */
export function tokenServerProblems(
  answers: Answers,
  { auth, tokenRealm, tokenCert, tokenIssuer }: Settings,
) {
  const found: Problem[] = [];
  const add = (where: string, message: string, fix: string) => found.push({ where, message, fix });
  if (auth !== 'token' || tokenRealm === undefined) {
    for (const name of auth === 'token' ? OF_SERVER : (['token-realm', ...OF_SERVER] as const)) {
      const answer = said(answers, name);
      if (!answer) continue;
      if (auth === 'token')
        add(answer.where, 'is about a token server that is not given', '--token-realm URL');
      else add(answer.where, `goes with --auth token, not with ${auth}`, '--auth token');
    }
    return found;
  }
  const where = answers['token-realm']?.where ?? '--token-realm';
  if (!tokenCert)
    add(
      where,
      'needs the certificate that tokens are verified with',
      '--token-cert FILE      (or a JWKS file)',
    );
  if (!tokenIssuer)
    add(where, 'needs the name that its tokens have as their issuer (iss)', '--token-issuer NAME');
  for (const name of OF_DOCKER_AUTH) {
    const answer = said(answers, name);
    if (answer) add(answer.where, `is known to the token server alone: ${tokenRealm}`, 'Leave it out.');
  }
  if (answers.prune?.value)
    add(answers.prune.where, 'needs a way in, which the token server alone can give', '--no-prune');
  return found;
}
