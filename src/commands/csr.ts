// `registry-setup csr`: makes a request for a company's CA, and keeps its key for the certificate that comes back.
import { dirname, join, resolve } from 'node:path';
import type { Organization } from '../certificates/csr.ts';
import { siteNames } from '../certificates/names.ts';
import { typeOf } from '../certificates/site.ts';
import { type Context, dirOf, isOn } from '../context.ts';
import { CliError, InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { bare } from '../host/names.ts';
import { settingsIn } from '../server/existing.ts';
import { FLAGS } from '../settings/flags.ts';
import { mergeAnswers, resolveSettings } from '../settings/resolve.ts';
import { DEFAULT_DIR, type KeyType, type Settings } from '../settings/settings.ts';
import { asAnswers } from '../settings/written.ts';
import { commandLine } from '../terminal/command.ts';
import { quoted, shellLine } from '../terminal/shell.ts';

/** The request, its key, and where the certificate is expected. */
interface Files {
  request: string;
  key: string;
  certificate: string;
}

export async function csr(context: Context): Promise<void> {
  const { host, output, answers } = context;
  const dir = dirOf(answers);
  const here = (await host.stat(join(dir, 'settings.yml'))) ? await settingsIn(host, dir) : undefined;
  const settings = wanted(context, dir, here);
  const subject = subjectOf(context);
  const names = siteNames(settings, '', []);
  const asked = names.needed.slice(0, names.asked);
  const files = filesFor(context.operands[0], bare(settings.host));
  const old = await keptKey(host, files, settings.keyType);
  await mayWrite(host, files.request);
  const next = wayOn(settings, here, files, dir);
  const document = { ok: true, names: asked, request: files.request, key: files.key, keptKey: !!old, next };
  if (isOn(context, 'dry-run')) {
    output.json(document);
    return output.say(
      `Would write ${files.request}${old ? '' : ` and ${files.key}`} for ${asked.join(', ')}.`,
    );
  }
  const { makeKey } = await import('../certificates/pki.ts');
  const { makeCsr, requestPem } = await import('../certificates/csr.ts');
  const key = old ?? (await makeKey(settings.keyType ?? 'ecdsa', RSA_BITS));
  const pem = requestPem(makeCsr(asked, key, subject));
  // The key first: a request without its key is worth nothing.
  if (!old) await host.write(files.key, key, { mode: 0o600 });
  await host.write(files.request, pem, { mode: 0o644 });
  output.json(document);
  output.say(
    `The request for ${asked.join(', ')} is in ${files.request}: send it to your CA.`,
    `Its key ${old ? 'is still' : 'is'} in ${files.key}: keep it there, the certificate fits no other.`,
    '',
    `When the certificate is here, with the certificates of its CAs in the same file (${files.certificate}):`,
    `  ${next}`,
  );
}

const RSA_BITS = 2048;

/** Returns the names and the kind of key: from the flags, else from the registry that is here. @throws InputError (exit 2) */
function wanted({ answers }: Context, dir: string, here: Settings | undefined): Settings {
  if (!answers.host && !here)
    throw new InputError([
      {
        where: '--host',
        message: 'is needed: the name that clients will use',
        fix: 'csr --host registry.corp.example',
      },
    ]);
  const said = Object.fromEntries(
    (['host', 'san', 'key-type'] as const).flatMap((name) => (answers[name] ? [[name, answers[name]]] : [])),
  );
  const before = Object.entries(here ? asAnswers(here) : {})
    .filter(([name]) => ['host', 'san', 'key-type'].includes(name))
    .map(([name, value]) => [name, { value, where: `--${name}`, last: true }]);
  const result = resolveSettings(mergeAnswers(said, Object.fromEntries(before)), { dir });
  if ('problems' in result) throw new InputError(result.problems);
  return result.settings;
}

/** Reads what the subject has beside the name. @throws InputError (exit 2) with every problem */
function subjectOf({ answers }: Context): Organization {
  const word = (name: 'organization' | 'unit' | 'country') => answers[name]?.value as string | undefined;
  const problems = (['organization', 'unit', 'country'] as const).flatMap((name) => {
    const found = word(name) === undefined ? undefined : FLAGS[name].check(word(name) ?? '');
    return found ? [{ where: answers[name]?.where ?? `--${name}`, ...found }] : [];
  });
  if (problems.length > 0) throw new InputError(problems);
  return { country: word('country')?.toUpperCase(), organization: word('organization'), unit: word('unit') };
}

function filesFor(operand: string | undefined, host: string): Files {
  const request = resolve(operand ?? `${host.replaceAll(':', '-')}.csr`);
  const base = request.replace(/\.(csr|req|pem)$/, '');
  if (base === request && request.endsWith('.key'))
    throw new InputError([{ where: operand ?? '', message: 'is the name of a key, not of a request' }]);
  return { request, key: `${base}.key`, certificate: `${base}.crt` };
}

/** Returns the key of a former request in the same place: its certificate may be on the way. @throws InputError (exit 2) */
async function keptKey(
  host: Host,
  { key: path }: Files,
  type: KeyType | undefined,
): Promise<string | undefined> {
  const text = (await host.read(path))?.toString();
  if (text === undefined) return undefined;
  const problem = (message: string) => {
    throw new InputError([{ where: path, message, fix: commandLine('csr OTHER-FILE.csr') }]);
  };
  let found: KeyType | undefined;
  try {
    found = typeOf(text);
  } catch {
    return problem('there is a file of that name, and it is no key');
  }
  return type && type !== found ? problem(`the key that is there is of another kind (${found})`) : text;
}

/** Verifies that only a request is replaced, and that the directory exists. @throws InputError (exit 2) */
async function mayWrite(host: Host, path: string): Promise<void> {
  if ((await host.stat(dirname(path)))?.type !== 'dir')
    throw new InputError([
      { where: path, message: 'there is no such directory', fix: shellLine('mkdir', ['-p', dirname(path)]) },
    ]);
  const text = (await host.stat(path))?.type === 'dir' ? '' : (await host.read(path))?.toString('latin1');
  if (text !== undefined && !text.includes('-----BEGIN CERTIFICATE REQUEST-----'))
    throw new CliError(`${path} exists, and is no request.`, {
      fix: commandLine('csr OTHER-FILE.csr'),
      exitCode: 2,
    });
}

/** Returns the command for the certificate that comes back. */
function wayOn({ host, san }: Settings, here: Settings | undefined, files: Files, dir: string): string {
  const names = ['--host', host, ...san.flatMap((name) => ['--san', name])];
  return commandLine(
    [
      ...['--tls', 'ca-signed', '--cert', files.certificate, '--key', files.key],
      ...names,
      ...(dir === DEFAULT_DIR ? [] : ['--dir', dir]),
      ...(here?.acme ? ['--acme', ''] : []),
      ...(here?.caKey ? ['--ca-key', ''] : []),
    ]
      .map((word) => (word === '' ? "''" : quoted(word)))
      .join(' '),
  );
}
