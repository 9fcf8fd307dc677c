// Finds flags that do not go together, whatever each of them says: those of engines, of certificates, and of names.
import { isIP } from 'node:net';
import type { Problem } from '../errors.ts';
import { type Answer, type Answers, given, said } from './answers.ts';
import { hostOf, originOf } from './external-url.ts';
import { hasGateway } from './gateway.ts';
import { isPublicRegistry } from './public-registries.ts';
import type { EngineKind, Settings, Tls } from './settings.ts';

/** Returns a problem for each answer that needs a container engine, if there is none. */
export function engineProblems(
  answers: Answers,
  engine: EngineKind,
  dockerAuth: boolean,
  archive: string | undefined,
): Problem[] {
  if (engine !== 'native') return [];
  const why = answers.engine?.value === 'native' ? 'with --engine native' : 'and none is on this machine';
  const problems: Problem[] = [];
  const needs = 'needs a container engine';
  const fix = '--engine docker      (it is installed), or --engine podman';
  if (dockerAuth)
    problems.push({
      where: answers.auth?.where ?? '--auth',
      message: `token ${needs}, ${why}`,
      fix: `${fix}; or --auth htpasswd`,
    });
  for (const name of ['gateway', 'ui'] as const) {
    const answer = answers[name];
    if (answer?.value) problems.push({ where: answer.where, message: `${needs}, ${why}`, fix });
  }
  const { where } = answers.image ?? {};
  if (where?.startsWith('--') && !archive) problems.push({ where, message: `${needs}, ${why}`, fix });
  return problems;
}

/** Returns a problem if flags for certificates do not go together. */
export function fileProblems(answers: Answers, tls: Tls): Problem[] {
  const [cert, key, caCert, caKey] = (['cert', 'key', 'ca-cert', 'ca-key'] as const).map((name) =>
    given(answers, name),
  );
  const problem = (answer: Answer, message: string, fix?: string) => [{ where: answer.where, message, fix }];
  const any = cert ?? key ?? caCert ?? caKey;
  if (any && tls !== 'ca-signed')
    return problem(any, `goes with --tls ca-signed, not with ${tls}`, '--tls ca-signed');
  if (key && !cert)
    return problem(key, 'is the key of a certificate that is not given', '--cert FILE --key FILE');
  if (caKey && !caCert)
    return problem(caKey, 'is the key of a CA that is not given', '--ca-cert FILE --ca-key FILE');
  if (cert && caKey)
    return problem(caKey, 'an existing certificate needs no key of a CA', 'Leave --ca-key out.');
  return [];
}

const isAddress = (host: Answer | undefined): boolean =>
  host === undefined || isIP(String(host.value).replace(/^\[(.*)\]$/, '$1')) !== 0;

/**
 * Returns a problem if a hosts line is wanted without a name, or for the name of a public registry. Ignores a decision of the last
 * run, which was for a former name.
 */
export function nameProblems({ host, 'hosts-line': line }: Answers): Problem[] {
  if (!line?.value || (line.last && (!host || host.last))) return [];
  const problem = (message: string) => [{ where: line.where, message, fix: '--host NAME' }];
  if (host && isPublicRegistry(String(host.value).toLowerCase()))
    return problem(`would lead every pull from ${host.value} on this machine to this registry`);
  if (line.last || !isAddress(host)) return [];
  return problem(`goes with a name, and ${host ? `${host.value} is an address` : 'none is given'}`);
}

/** Returns a problem if the user names another host than the URL does. Ignores that of the last run, which the URL replaces. */
export function externalProblems({ host, 'external-url': url }: Answers): Problem[] {
  const named = hostOf(originOf(String(url?.value ?? '')));
  if (named === undefined || !host || host.last || String(host.value).toLowerCase() === named) return [];
  const message = `says ${host.value}, and the proxy in front is called ${named}`;
  return [{ where: host.where, message, fix: 'Leave --host out: the URL has the name.' }];
}

/** Returns a problem for what belongs to a gateway if there is none. */
export function gatewayProblems(answers: Answers, settings: Settings): Problem[] {
  const [image, title] = [said(answers, 'ui-image'), said(answers, 'ui-title')];
  return [
    ...(image && !hasGateway(settings)
      ? [{ where: image.where, message: 'goes with --ui or --gateway', fix: '--ui' }]
      : []),
    ...(title && !settings.ui ? [{ where: title.where, message: 'goes with --ui', fix: '--ui' }] : []),
  ];
}

/** The rules by which old images are removed. */
export const RULE_FLAGS = ['keep-last', 'older-than', 'match', 'keep-tags', 'untagged'] as const;

/** Returns a problem if images are to be pruned without a rule, or rules are given and nothing is pruned. */
export function pruneProblems(answers: Answers): Problem[] {
  if (!answers.prune?.value)
    return RULE_FLAGS.flatMap((name) => said(answers, name) ?? []).map(({ where }) => ({
      where,
      message: 'goes with --prune',
      fix: '--prune --keep-last 10 --older-than 30d',
    }));
  const { where } = answers.prune;
  const few = Number(answers['keep-last']?.value ?? 0) > 0;
  if (few || answers['older-than']?.value) return [];
  return [
    {
      where,
      message: 'needs --keep-last, --older-than, or both: every image would go',
      fix: '--prune --keep-last 10 --older-than 30d',
    },
  ];
}
