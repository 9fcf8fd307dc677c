// The screens of a developer machine: what was found, what will trust the registry, what is left to do. 80 columns.
import { describeCertificate } from '../certificates/fields.ts';
import type { Change } from '../reconcile/reconcile.ts';
import type { Paint } from '../terminal/output.ts';
import type { Found } from './discover.ts';
import type { ClientRequest } from './options.ts';
import type { Target, TargetName, Trust } from './target.ts';

const LOGIN = {
  none: 'no login',
  basic: 'login needed',
  proxy: 'login needed (of something in front of it)',
  token: 'login needed (token)',
};

/** Returns `Found   registry over TLS, CA "registry 10.0.3.17", valid until 2036, login needed`. */
export function foundLines({ at, chain, login }: Found): string[] {
  const top = chain.at(-1);
  if (!at.tls || !top) return [`  Found   registry over plain HTTP, ${LOGIN[login.kind]}`];
  const { subject, issuer, notAfter, selfSigned, isCa } = describeCertificate(top.toString());
  const name = /CN=([^,]+)/.exec(selfSigned ? subject : issuer)?.[1] ?? subject;
  const who =
    selfSigned && (chain.length === 1 || !isCa) ? 'a certificate that signs itself' : `CA "${name}"`;
  const until = selfSigned ? `, valid until ${notAfter.getUTCFullYear()}` : '';
  return [`  Found   registry over TLS, ${LOGIN[login.kind]}`, `          ${who}${until}`];
}

/** Returns a line if this machine trusts the registry already, and by what. */
export function trustLine(trust: Trust): string[] {
  if (trust.kind === 'public')
    return ['          This machine trusts it already: its CA is a public one, or the company’s.'];
  if (trust.kind === 'roots' && trust.known) return ['          Its CA is trusted already.'];
  return [];
}

export function targetLines(targets: Target[], paint: Paint): string[] {
  const shown = targets.map(({ label, note }) => `${label}${note ? ` (${note})` : ''}`);
  const warnings = targets.flatMap((target) => target.warnings ?? []);
  return [`  For     ${shown.join(', ')}`, ...warnings.map((text) => `  ${paint('yellow', '!')} ${text}`)];
}

export const inClear = (paint: Paint): string[] => [
  `  ${paint('yellow', '!')} Plain HTTP: passwords and images travel in clear.`,
];

/** Docker sends the login of Docker Hub to a mirror, too. (github.com/moby/moby/issues/42022) */
export const mirrorInClear = (paint: Paint): string[] => [
  `  ${paint('yellow', '!')} A mirror over plain HTTP: a login to Docker Hub that is kept here reaches it in clear, too.`,
];

export const notTried = ['  The login is not tried: a dry run sends no password.'];

/** Returns a line for each thing to remove, without the directories that were only made for it. */
export const leaveLines = (changes: Change[]): string[] =>
  changes
    .filter(({ resource }) => resource.kind === 'removal' && resource.of.kind !== 'dir')
    .flatMap(({ drift }) => drift.details)
    .map((line, i) => `  ${(i === 0 ? 'This will' : '').padEnd(12)}${line}`);

/** Returns the line that reports a target as done. */
export function doneTitle(target: Target, trust: Trust): string {
  const name = target.label;
  if (trust.kind === 'http') return `${name}: plain HTTP allowed for that registry`;
  return target.certs ? `${name}: certificate in ${target.certs}` : `${name}: trusts it`;
}

/** Returns a line for each target that will not work, and why, if the user did not want the workaround. */
export const blockedLines = (blocked: Map<string, string>, paint: Paint): string[] =>
  [...blocked.values()].map((why) => `  ${paint('yellow', '!')} ${why}`);

/** Returns the commands that root has to paste, before the user runs this program again. */
export const pasteScreen = (lines: string[]): string[] => [
  '',
  '  This user may not do all of it. Paste these, then run the same again:',
  '',
  ...lines,
  '',
];

/** Returns the last lines: what the user can paste now, and what is left. */
export function endLines({ name }: ClientRequest, targets: Target[], loginLeft: boolean): string[] {
  const after = targets.flatMap((target) => target.after ?? []);
  const own: Partial<Record<TargetName, string>> = { podman: 'podman', containerd: 'nerdctl' };
  const tool = targets.every(({ name }) => own[name]) ? own[targets[0]?.name ?? 'docker'] : 'docker';
  return [
    '',
    ...(loginLeft ? [`  ${tool} login ${name}`] : []),
    ...after.map((line) => `  ${line}`),
    ...(after.length > 0 ? [''] : []),
    `  ${tool} tag app:1.0 ${name}/team/app:1.0`,
    `  ${tool} push ${name}/team/app:1.0`,
  ];
}
