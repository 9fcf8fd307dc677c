// Checks the registry against its plan: what `status` finds, and a registry that was left read-only.
import { join } from 'node:path';
import { describeCertificate } from '../../certificates/fields.ts';
import { splitPem } from '../../certificates/split.ts';
import { isRunning } from '../../engines/engine.ts';
import { lockPath } from '../../reconcile/lock.ts';
import { authName } from '../../server/auth/docker-auth.ts';
import type { ServerRequest } from '../../server/request.ts';
import type { ServerStatus } from '../../server/status.ts';
import { readYaml } from '../../templates.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { asked, isOwn, statusOf, trouble } from '../found.ts';
import { runAgain } from './again.ts';

interface Configuration {
  storage?: { maintenance?: { readonly?: { enabled?: boolean } } };
}

/** Tells whether the configuration makes the registry read-only, and no run is at work that needs that. */
const isReadOnly = (input: CheckInput, { settings }: ServerRequest): Promise<boolean> =>
  asked(input, 'read-only', async () => {
    const { host } = input.context;
    const path = join(settings.dir, 'config/config.yml');
    const text = (await host.read(path))?.toString();
    if (text === undefined || (await host.stat(lockPath(settings.dir)))) return false;
    try {
      return (readYaml(text, path) as Configuration)?.storage?.maintenance?.readonly?.enabled === true;
    } catch {
      return false;
    }
  });

/** Reports a registry that refuses pushes since a collection that did not end. */
export const writable: Check = {
  code: 'writable',
  subject: 'machine',
  title: 'the registry takes pushes',
  on: 'server',
  async look(input) {
    const { server, context } = input;
    if (!server || !(await isReadOnly(input, server))) return [];
    return [
      trouble('read-only', 'The registry was left read-only: pulls go on, every push is refused (405).', {
        mend: [commandLine('--yes')],
        fix: runAgain(context, server, 'makes the registry take pushes again'),
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
    if (server?.settings.auth !== 'token') return [];
    const { settings } = server;
    const { takesTokens, answer } = await statusOf(input, server);
    if (takesTokens !== false || !answer.ok) return [];
    // Of a docker_auth that does not run, another check says so.
    if (!(await isRunning(input.context.host, settings, authName(settings)))) return [];
    return [
      trouble('tokens-refused', 'The registry does not take the tokens of docker_auth: nobody can log in.', {
        mend: [commandLine('--yes'), `If that changes nothing:   ${commandLine('rotate --token-key')}`],
      }),
    ];
  },
};

const findingOf = ({ findings }: ServerStatus, name: ServerStatus['findings'][number]['name']) =>
  findings.find((finding) => finding.name === name && !finding.ok);

/** Returns the titles of what differs from the plan and is no trouble of its own. */
async function driftOf(input: CheckInput, server: ServerRequest, seen: ServerStatus): Promise<string[]> {
  if (!findingOf(seen, 'drift')) return [];
  const config = join(server.settings.dir, 'config/config.yml');
  const readOnly = await isReadOnly(input, server);
  return seen.changes
    .filter(({ drift, resource }) => {
      const runs = ['container', 'unit', 'process'].includes(resource.kind);
      if (runs && (drift.what === 'start' || drift.what === 'create')) return false;
      return !(readOnly && (runs || (resource.kind === 'file' && resource.path === config)));
    })
    .map(({ title }) => title);
}

async function look(input: CheckInput): Promise<Trouble[]> {
  const { server, context } = input;
  if (!server) return [];
  const seen = await statusOf(input, server);
  const found: Trouble[] = [];
  const unfinished = findingOf(seen, 'unfinished');
  if (unfinished)
    found.push(
      trouble('unfinished-run', unfinished.cause ?? '', {
        mend: [unfinished.fix ?? ''],
        fix: runAgain(context, server, 'undoes what the interrupted run had done'),
      }),
    );
  const own = input.registries.find((registry) => isOwn(input, registry));
  const [shown] = own ? (await wireOf(input, own)).chain : [];
  const [leaf] = splitPem(seen.served?.chain ?? '');
  if (shown && leaf && shown.fingerprint256 !== describeCertificate(leaf).fingerprint)
    found.push(
      trouble(
        'certificate-not-served',
        'The registry serves another certificate than the one in its directory.',
        {
          mend: [commandLine('rotate')],
        },
      ),
    );
  const others = { trust: 'trust-lost', storage: 'images-elsewhere', record: 'record-lost' } as const;
  for (const [name, code] of Object.entries(others)) {
    const finding = findingOf(seen, name as keyof typeof others);
    if (!finding) continue;
    const severity = name === 'record' ? 'risk' : 'broken';
    found.push(trouble(code, finding.cause ?? '', { severity, mend: finding.fix?.split('\n') ?? [] }));
  }
  const titles = unfinished ? [] : await driftOf(input, server, seen);
  if (titles.length > 0)
    found.push(
      trouble('drift', 'The machine differs from the settings of the registry.', {
        severity: 'risk',
        mend: [`What differs:     ${commandLine('status')}`, `Make it so again: ${commandLine('--yes')}`],
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
