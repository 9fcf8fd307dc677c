// Returns what setup shows at its end, and what status shows: the line for clients, the certificate, the passwords.
import { type CertificateFacts, certificateFacts } from '../../certificates/description.ts';
import type { Site } from '../../certificates/site.ts';
import { placeOf } from '../../host/firewall/firewall.ts';
import { carried, commandElsewhere } from '../../program/bundled.ts';
import type { Change } from '../../reconcile/reconcile.ts';
import { hasAuthPort } from '../../settings/gateway.ts';
import { clientFlags, publicAddress } from '../../settings/public-address.ts';
import { DEFAULT_DIR, type Settings } from '../../settings/settings.ts';
import { foreignRealm } from '../../settings/token-server.ts';
import { asFlags } from '../../settings/written.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Paint } from '../../terminal/output.ts';
import { quoted, shellLine } from '../../terminal/shell.ts';
import { listensAt, proxyFix } from '../checks/outside.ts';
import type { Secrets } from '../plan/secrets.ts';
import type { Outcome } from '../request.ts';

/** Returns how to call this program later, here and on developer machines, if it runs out of a bundle: nothing is installed then. */
function laterLines({ dir }: { dir: string }): string[] {
  const bundle = carried();
  if (!bundle) return [];
  const where = dir === DEFAULT_DIR ? [] : ['--dir', dir];
  return [
    '  Later, and on a developer machine without network (carry the file there, too):',
    `    ${commandLine(['status', ...where].map(quoted).join(' '))}`,
    `    ${commandElsewhere('--client')} …`,
  ];
}

/** Returns the command that sets up the same again, without questions. */
export function sameRun(settings: Settings): string {
  const dir = settings.dir === DEFAULT_DIR ? [] : ['--dir', settings.dir];
  return commandLine(['--yes', ...dir, ...asFlags(settings)].map(quoted).join(' '));
}

const day = (iso: string) => iso.slice(0, 10);

/** Returns names, dates and fingerprints, for status. @param who sees this certificate: clients, or the proxy in front of them */
export function certificateLines(
  { site, roots, publicCa, lacks }: CertificateFacts,
  who: 'Clients' | 'Proxies',
): string[] {
  const trusted = publicCa ? 'a public CA: clients trust it already' : undefined;
  return [
    `  Certificate ${site.names.join(', ')}`,
    `              ends on ${day(site.notAfter)}, ${inDays(site.daysLeft)}; signed by ${site.issuer}`,
    `              ${site.fingerprint}`,
    ...lacksLines(lacks),
    ...(trusted ? [`  Trusted     ${trusted}`] : []),
    ...(publicCa ? [] : roots).flatMap((root, i) => [
      `  ${(i === 0 ? who : 'or').padEnd(11)} trust ${root.subject}, until ${day(root.notAfter)}`,
      `              ${root.fingerprint}`,
    ]),
  ];
}

/** Returns a line about addresses that the certificate lacks. It is not renewed for them by itself: that restarts the registry. */
export const lacksLines = (lacks: string[] | undefined): string[] =>
  lacks?.length
    ? [
        `  Not in the certificate: ${lacks.join(', ')}; ${commandLine('rotate')} adds ${lacks.length > 1 ? 'them' : 'it'}`,
      ]
    : [];

/** Returns `in 3 days`, `today`, `1 day ago`. */
export const inDays = (days: number): string =>
  days < 0
    ? `${-days} ${days === -1 ? 'day' : 'days'} ago`
    : days === 0
      ? 'today'
      : `in ${days} ${days === 1 ? 'day' : 'days'}`;

/** Returns the one line for a developer machine, with the fingerprint of the newest root: clients are given that root. */
export function clientLine(settings: Settings, site: Site | undefined): string {
  const { auth, users, externalUrl } = settings;
  // Behind a proxy clients see the certificate of that.
  const [root] = site && !site.publicCa && !externalUrl ? certificateFacts(site).roots : [];
  return shellLine('npx', [
    'registry-setup',
    '--client',
    ...clientFlags(settings),
    ...(root ? ['--ca-fingerprint', root.fingerprint] : []),
    ...(auth !== 'none' && users[0] && !foreignRealm(settings) ? ['--user', users[0]] : []),
  ]);
}

/** Returns the passwords that this run generated, shown this once; or the file that holds them, if no terminal shows them. */
export function loginLines({ generated }: Secrets, passwordFile: string | undefined, paint: Paint): string[] {
  const [first] = generated.keys();
  if (!first) return [];
  if (passwordFile) return [`  The generated password is in ${passwordFile}`, ''];
  const again = `(shown this once; \`${commandLine(`user password ${first}`)}\` makes another)`;
  const lines = [...generated].map(([name, password]) => `  ${paint('bold', name)}   ${password.reveal()}`);
  return [...lines, `  ${paint('dim', again)}`, ''];
}

/** Returns what token mode needs on some clients; nothing without TLS. */
function tokenLines({ auth, tls, externalUrl }: Settings): string[] {
  if (auth !== 'token' || tls === 'insecure' || externalUrl) return [];
  return [
    '  Docker before 29.5 with the containerd image store does not use certs.d for logins:',
    '  there, --client offers to put the certificate into the system trust store.',
    '',
  ];
}

/** Returns what the proxy in front needs. */
function proxyLines(settings: Settings): string[] {
  if (!settings.externalUrl) return [];
  return [
    `  The proxy in front leads to ${listensAt(settings)}${hasAuthPort(settings) ? `, and /auth to port ${settings.authPort}` : ''}.`,
    '  If its CA is one of your own, each developer machine needs that as well:   --ca FILE',
    ...proxyFix(settings).map((line) => `    ${line}`),
    '',
  ];
}

/** Returns which ports were opened: the proof, which runs on this machine, cannot see that. */
function openedLines(changes: Change[]): string[] {
  const opened = changes.flatMap(({ resource }) => (resource.kind === 'firewall' ? placeOf(resource) : []));
  return opened.length > 0 ? [`  Opened: ${opened.join('; ')}.`, ''] : [];
}

/** Returns how long the certificate is valid, and what renews it. */
function validLines({ renew }: Settings, site: Site | undefined, byHand: string | undefined): string[] {
  if (!site) return [];
  const until = day(certificateFacts(site).site.notAfter);
  if (byHand)
    return [`  Valid until ${until}. Nothing here can renew it; run this every day:`, `    ${byHand}`, ''];
  return [
    `  Valid until ${until}, ${renew ? 'renewed automatically' : `then: ${commandLine('rotate')}`}.`,
    '',
  ];
}

/** Returns what the user needs next, and nothing more. Every command can be pasted. */
export function summaryLines(
  settings: Settings,
  { changes, secrets, passwordFile, renewByHand }: Outcome,
  paint: Paint,
): string[] {
  const { name: at, origin } = publicAddress(settings);
  return [
    '',
    `  Your registry: ${paint('bold', origin)}`,
    ...(settings.ui ? [`  Its web page:  ${paint('bold', `${origin}/`)}`] : []),
    '',
    '  On each developer machine, once:',
    `    ${clientLine(settings, secrets.site)}`,
    '',
    ...proxyLines(settings),
    '  Then:',
    `    docker tag app:1.0 ${at}/team/app:1.0`,
    `    docker push ${at}/team/app:1.0`,
    `    docker pull ${at}/team/app:1.0`,
    '',
    ...openedLines(changes),
    ...tokenLines(settings),
    ...loginLines(secrets, passwordFile, paint),
    ...validLines(settings, secrets.site, renewByHand),
    '  The same again without questions:',
    `    ${sameRun(settings)}`,
    ...laterLines(settings),
  ];
}
