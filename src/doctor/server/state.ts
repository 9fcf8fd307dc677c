// Checks the registry against its plan: what `status` finds, and a registry that was left read-only.
import { describeCertificate } from '../../certificates/fields.ts';
import { splitPem } from '../../certificates/split.ts';
import { isRunning } from '../../engines/engine.ts';
import { authName } from '../../server/auth/docker-auth.ts';
import type { ServerStatus } from '../../server/status.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { here, isOwn, statusOf, trouble } from '../found.ts';
import { runAgain } from './again.ts';
import { driftOf, isReadOnly } from './drift.ts';

/** Reports a registry that refuses pushes since a collection that did not end. */
export const writable: Check = {
  code: 'writable',
  subject: 'machine',
  title: 'the registry takes pushes',
  on: 'server',
  async look(input) {
    const { server } = input;
    if (!server || !(await isReadOnly(input, server))) return [];
    return [
      trouble('read-only', 'The registry was left read-only: pulls go on, every push is refused (405).', {
        mend: [here(input, '--yes')],
        fix: await runAgain(input, server, 'makes the registry take pushes again'),
      }),
    ];
  },
};

/** Reports tokens that the registry refuses: then nobody can log in. */
export const tokens: Check = {
  code: 'tokens',
  subject: 'login',
  title: 'the registry takes the tokens of docker_auth',
  on: 'server',
  async look(input) {
    const { server } = input;
    if (!server || !hasDockerAuth(server.settings)) return [];
    const { settings } = server;
    const { takesTokens, answer } = await statusOf(input, server);
    if (takesTokens !== false || !answer.ok) return [];
    // Of a docker_auth that does not run, another check says so.
    if (!(await isRunning(input.context.host, settings, authName(settings)))) return [];
    return [
      trouble('tokens-refused', 'The registry does not take the tokens of docker_auth: nobody can log in.', {
        mend: [here(input, '--yes'), `If that changes nothing:   ${here(input, 'rotate --token-key')}`],
      }),
    ];
  },
};

const findingOf = ({ findings }: ServerStatus, name: ServerStatus['findings'][number]['name']) =>
  findings.find((finding) => finding.name === name && !finding.ok);

async function look(input: CheckInput): Promise<Trouble[]> {
  const { server } = input;
  if (!server) return [];
  const seen = await statusOf(input, server);
  // What it is changing just now is no fault.
  if (seen.atWork)
    return [
      trouble('at-work', `"${seen.atWork.command}" is at work since ${seen.atWork.since}.`, {
        severity: 'risk',
        mend: [`When it has ended:   ${here(input, 'doctor')}`],
      }),
    ];
  const found: Trouble[] = [];
  const unfinished = findingOf(seen, 'unfinished');
  if (unfinished)
    found.push(
      trouble('unfinished-run', unfinished.cause ?? '', {
        mend: [unfinished.fix ?? ''],
        fix: await runAgain(input, server, 'undoes what the interrupted run had done'),
      }),
    );
  const own = input.registries.find((registry) => isOwn(input, registry));
  // Behind a proxy clients see the certificate of that.
  const [shown] = own && !server.settings.externalUrl ? (await wireOf(input, own)).chain : [];
  const [leaf] = splitPem(seen.served?.chain ?? '');
  if (shown && leaf && shown.fingerprint256 !== describeCertificate(leaf).fingerprint)
    found.push(
      trouble(
        'certificate-not-served',
        'The registry serves another certificate than the one in its directory.',
        {
          mend: [here(input, 'rotate')],
        },
      ),
    );
  const others = {
    outside: 'proxy-elsewhere',
    trust: 'trust-lost',
    storage: 'images-elsewhere',
    record: 'record-lost',
  } as const;
  for (const [name, code] of Object.entries(others)) {
    const finding = findingOf(seen, name as keyof typeof others);
    if (!finding) continue;
    const severity = name === 'record' ? 'risk' : 'broken';
    found.push(trouble(code, finding.cause ?? '', { severity, mend: finding.fix?.split('\n') ?? [] }));
  }
  const titles = unfinished ? [] : (await driftOf(input, server)).map(({ title }) => title);
  if (titles.length > 0)
    found.push(
      trouble('drift', 'The machine differs from the settings of the registry.', {
        severity: 'risk',
        mend: [`What differs:     ${here(input, 'status')}`, `Make it so again: ${here(input, '--yes')}`],
        evidence: titles.slice(0, 5).join('\n'),
      }),
    );
  return found;
}

/** Reports what differs from the plan. */
export const plan: Check = {
  code: 'plan',
  subject: 'machine',
  title: 'everything of the registry is as its settings say',
  on: 'server',
  look,
};
