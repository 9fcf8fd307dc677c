// What a person is told when it is done, and what status says: the line for clients, the certificate, the passwords.
import { basename } from 'node:path';
import { type CertificateFacts, certificateFacts } from '../../certificates/description.ts';
import type { Site } from '../../certificates/site.ts';
import { placeOf } from '../../host/firewall/firewall.ts';
import { carried } from '../../program/bundled.ts';
import type { Change } from '../../reconcile/reconcile.ts';
import { clientFlags } from '../../settings/resolve.ts';
import { address, DEFAULT_DIR, type Settings } from '../../settings/settings.ts';
import { asFlags } from '../../settings/written.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Paint } from '../../terminal/output.ts';
import { quoted, shellLine } from '../../terminal/shell.ts';
import type { Material } from '../plan/secrets.ts';
import type { Outcome } from '../wanted.ts';

/** Nothing is installed where this came in a bundle: how it is called another time, there and on developer machines. */
function laterLines({ dir }: { dir: string }): string[] {
  const bundle = carried();
  if (!bundle) return [];
  const where = dir === DEFAULT_DIR ? [] : ['--dir', dir];
  return [
    '  Later, and on a developer machine without network (carry the file there, too):',
    `    ${commandLine(['status', ...where].map(quoted).join(' '))}`,
    `    ${shellLine('sh', [basename(bundle.file), '--client'])} …`,
  ];
}

/** The command that gives these settings again, without questions. */
export function sameRun(settings: Settings): string {
  const dir = settings.dir === DEFAULT_DIR ? [] : ['--dir', settings.dir];
  return commandLine(['--yes', ...dir, ...asFlags(settings)].map(quoted).join(' '));
}

const day = (iso: string) => iso.slice(0, 10);

/** Names, dates and fingerprints, for status. */
export function certificateLines({ site, roots, publicCa, lacks }: CertificateFacts): string[] {
  const trusted = publicCa ? 'a public CA: clients trust it already' : undefined;
  return [
    `  Certificate ${site.names.join(', ')}`,
    `              ends on ${day(site.notAfter)}, ${inDays(site.daysLeft)}; signed by ${site.issuer}`,
    `              ${site.fingerprint}`,
    ...lacksLines(lacks),
    ...(trusted ? [`  Trusted     ${trusted}`] : []),
    ...(publicCa ? [] : roots).flatMap((root, i) => [
      `  ${i === 0 ? 'Clients    ' : 'or         '} trust ${root.subject}, until ${day(root.notAfter)}`,
      `              ${root.fingerprint}`,
    ]),
  ];
}

/** Addresses of this machine that came after the certificate; a new one by itself would stop the registry for a moment. */
export const lacksLines = (lacks: string[] | undefined): string[] =>
  lacks?.length
    ? [
        `  Not in the certificate: ${lacks.join(', ')}; ${commandLine('rotate')} adds ${lacks.length > 1 ? 'them' : 'it'}`,
      ]
    : [];

export const inDays = (days: number): string =>
  days < 0
    ? `${-days} ${days === -1 ? 'day' : 'days'} ago`
    : days === 0
      ? 'today'
      : `in ${days} ${days === 1 ? 'day' : 'days'}`;

/** The one line for a developer machine. The fingerprint is that of the newest root, which a client is given. */
export function clientLine(settings: Settings, site: Site | undefined): string {
  const { auth, users } = settings;
  const [root] = site && !site.publicCa ? certificateFacts(site).roots : [];
  return shellLine('npx', [
    'registry-setup',
    '--client',
    ...clientFlags(settings),
    ...(root ? ['--ca-fingerprint', root.fingerprint] : []),
    ...(auth !== 'none' && users[0] ? ['--user', users[0]] : []),
  ]);
}

/** Passwords that were made in this run, shown this once; or where they were written, when no terminal shows them. */
export function loginLines(
  { generated }: Material,
  passwordFile: string | undefined,
  paint: Paint,
): string[] {
  const [first] = generated.keys();
  if (!first) return [];
  if (passwordFile) return [`  The generated password is in ${passwordFile}`, ''];
  const again = `(shown this once; \`${commandLine(`user password ${first}`)}\` makes another)`;
  const lines = [...generated].map(([name, password]) => `  ${paint('bold', name)}   ${password.reveal()}`);
  return [...lines, `  ${paint('dim', again)}`, ''];
}

/** What token mode asks of some clients; nothing where the certificate is trusted everywhere. */
function tokenLines({ auth, tls }: Settings): string[] {
  if (auth !== 'token' || tls === 'insecure') return [];
  return [
    '  Docker before 29.5 with the containerd image store does not use certs.d for logins:',
    '  there, --client offers to put the certificate into the system trust store.',
    '',
  ];
}

/** What the proof, which runs on this machine, could not see. */
function openedLines(changes: Change[]): string[] {
  const opened = changes.flatMap(({ resource }) => (resource.kind === 'firewall' ? placeOf(resource) : []));
  return opened.length > 0 ? [`  Opened: ${opened.join('; ')}.`, ''] : [];
}

/** Until when, and who sees to it that there is a next one. */
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

/** What the person needs next, and nothing more. Every line can be pasted. */
export function summaryLines(
  settings: Settings,
  { changes, material, passwordFile, renewByHand }: Outcome,
  paint: Paint,
): string[] {
  const at = address(settings);
  return [
    '',
    `  Your registry: ${paint('bold', `${settings.tls === 'insecure' ? 'http' : 'https'}://${at}`)}`,
    '',
    '  On each developer machine, once:',
    `    ${clientLine(settings, material.site)}`,
    '',
    '  Then:',
    `    docker tag app:1.0 ${at}/team/app:1.0`,
    `    docker push ${at}/team/app:1.0`,
    `    docker pull ${at}/team/app:1.0`,
    '',
    ...openedLines(changes),
    ...tokenLines(settings),
    ...loginLines(material, passwordFile, paint),
    ...validLines(settings, material.site, renewByHand),
    '  The same again without questions:',
    `    ${sameRun(settings)}`,
    ...laterLines(settings),
  ];
}
