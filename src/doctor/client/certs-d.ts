// Checks the directories of CAs: files that no program reads, names that no registry has, and files that make Docker refuse a registry.
import { X509Certificate } from 'node:crypto';
import { basename, join } from 'node:path';
import { readFields } from '../../certificates/fields.ts';
import { splitPem } from '../../certificates/split.ts';
import { systemRoots } from '../../certificates/system-roots.ts';
import { installedRoots, lonelyCertificates, pairText } from '../../client/certs-dir.ts';
import type { Host } from '../../host/host.ts';
import { bare } from '../../host/names.ts';
import { handshake } from '../../registry/handshake.ts';
import { shellLine } from '../../terminal/shell.ts';
import type { Asked, Check, CheckInput, Severity, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { dockerds, trouble } from '../found.ts';

/** Files that a tutorial calls certificates, and that only a name with the ending .crt makes one. */
const OTHER_ENDINGS = /\.(pem|cer|ca|der|crt\.\w+)$/;

/** Returns the directories in which programs of this machine look for CAs, whoever made them. */
async function basesOf(input: CheckInput): Promise<string[]> {
  const { env } = input.context;
  const own = join(env.XDG_CONFIG_HOME || join(env.HOME || '/root', '.config'), 'containers/certs.d');
  const daemons = (await dockerds(input)).map(({ daemon }) => daemon.certs);
  const podman = input.targets.some(({ name }) => name === 'podman');
  return [
    ...new Set([...daemons, ...(podman ? ['/etc/containers/certs.d', '/etc/docker/certs.d', own] : [])]),
  ];
}

const textOf = async (host: Host, path: string) =>
  (await host.read(path).catch(() => undefined))?.toString('latin1') ?? '';

const isPem = (text: string) => splitPem(text).length > 0;

/** Tells whether the text is a certificate that a server shows, and no client. */
function servesTls(text: string): boolean {
  const [pem] = splitPem(text);
  try {
    return pem !== undefined && readFields(pem).servesTls && !readFields(pem).isCa;
  } catch {
    return false;
  }
}

const isReadable = (text: string): boolean => {
  const all = splitPem(text);
  try {
    return all.length > 0 && all.every((pem) => new X509Certificate(pem));
  } catch {
    return false;
  }
};

/** A registry that is not looked at may be gone: what is wrong with its directory breaks nothing that is known to be in use. */
const severityFor = ({ registries }: CheckInput, name: string | undefined): Severity =>
  registries.length === 0 || registries.some(({ address }) => address === name) ? 'broken' : 'risk';

const move = (from: string, to: string) => shellLine('mv', [from, to]);

async function wrongFiles(input: CheckInput, dir: string, store: boolean): Promise<Trouble[]> {
  const { host } = input.context;
  const names = await host.list(dir).catch((): string[] => []);
  const hasCa = names.some((name) => name.endsWith('.crt'));
  const severity = severityFor(input, basename(dir));
  const found: Trouble[] = [];
  for (const name of names) {
    const path = join(dir, name);
    const stem = path.replace(/\.[^.]+$/, '');
    if (OTHER_ENDINGS.test(name) && isPem(await textOf(host, path)))
      found.push(
        trouble('certs-ending', `No program reads ${path}: a CA has the ending .crt.`, {
          severity: hasCa ? 'risk' : severity,
          mend: [move(path, `${stem.replace(/\.crt$/, '')}.crt`)],
        }),
      );
    if (name.endsWith('.crt') && !isReadable(await textOf(host, path)))
      found.push(
        trouble(
          'certs-unreadable',
          `${path} is no certificate in PEM: ${store ? 'Docker refuses this registry' : 'it counts for nothing'}.`,
          {
            severity: store ? severity : 'risk',
            mend: [`Look at it:   ${shellLine('openssl', ['x509', '-noout', '-subject', '-in', path])}`],
          },
        ),
      );
    if (name.endsWith('.key') && !names.includes(name.replace(/key$/, 'cert')))
      found.push(
        trouble('certs-key', `${path} has no .cert beside it: Docker refuses this registry.`, {
          severity,
          mend: [`A client needs no key of the server:   ${shellLine('rm', [path])}`],
        }),
      );
    if (
      name.endsWith('.cert') &&
      names.includes(name.replace(/cert$/, 'key')) &&
      servesTls(await textOf(host, path))
    )
      found.push(
        trouble(
          'certs-server-key',
          `${path.replace(/cert$/, 'key')} is the private key of a server: whoever reads it can stand in for the registry.`,
          {
            severity: 'risk',
            mend: [`Keep only its CA here:   ${shellLine('rm', [path, path.replace(/cert$/, 'key')])}`],
          },
        ),
      );
  }
  for (const path of await lonelyCertificates(host, dir).catch(() => [])) {
    const mend = hasCa ? shellLine('rm', [path]) : move(path, path.replace(/cert$/, 'crt'));
    found.push(
      trouble('certs-pair', pairText(path), {
        severity,
        mend: [`If it is the CA or the server's certificate:   ${mend}`],
      }),
    );
  }
  return found;
}

/** Returns the directory that is meant by a name that no program looks for; undefined if the name is right. */
async function wrongName(input: CheckInput, base: string, name: string): Promise<Trouble[]> {
  const { host } = input.context;
  const path = join(base, name);
  const wrong = (why: string, to: string | undefined) =>
    trouble('certs-name', `No program reads ${path}: ${why}.`, {
      severity: severityFor(input, to),
      mend: to === undefined ? [] : [move(path, join(base, to))],
    });
  if ((await host.stat(path))?.type !== 'dir') {
    if (!/\.(crt|pem|cert|cer|key)$/.test(name)) return [];
    const to = input.registries[0]?.address;
    const into = join(base, to ?? 'HOST:PORT');
    const mend = [`${shellLine('mkdir', ['-p', into])} && ${move(path, join(into, 'ca.crt'))}`];
    return [
      trouble('certs-name', `No program reads ${path}: each registry has a directory of its own.`, {
        severity: severityFor(input, undefined),
        mend,
      }),
    ];
  }
  if (/^https?:$/.test(name)) {
    const [inner = ''] = await host.list(path);
    const there = inner !== '' && (await host.stat(join(base, inner))) !== undefined;
    const cause = `No program reads ${join(path, inner)}: the name of a directory has no scheme.`;
    const mend = [there ? shellLine('rm', ['-r', path]) : move(join(path, inner), join(base, inner))];
    return [trouble('certs-name', cause, { severity: there ? 'risk' : severityFor(input, inner), mend })];
  }
  if (/^https?_|^https?-/.test(name)) return [wrong('the name of a directory has no scheme', undefined)];
  const [, plain = name] = /^(.*?)(?::\d+)?$/.exec(name) ?? [];
  for (const registry of input.registries) {
    const { at, address } = registry;
    if (bare(at.host) !== bare(plain) || name === address || (await host.stat(join(base, address)))) continue;
    // Another registry of that host may be meant: the CA tells.
    if (await vouches(input, registry, path))
      return [wrong(`for ${address} it is ${join(base, address)}`, address)];
  }
  return [];
}

/** Tells whether the CA of a registry is in a directory, and the system does not have it. */
async function vouches(input: CheckInput, registry: Asked, dir: string): Promise<boolean> {
  const { host } = input.context;
  const { speaks, ip } = await wireOf(input, registry);
  if (speaks !== 'tls') return false;
  const at = { ...registry.at, tls: true, connectTo: ip };
  const refused = async (roots: string[]) => (await handshake(at, at.host, roots)).refused !== undefined;
  const others = (await host.list(dir)).filter((file) => OTHER_ENDINGS.test(file));
  const texts = await Promise.all(others.map((file) => textOf(host, join(dir, file))));
  const roots = [...(await installedRoots(host, [dir])).map(String), ...texts.filter(isPem)];
  if (roots.length === 0 || (await refused(roots))) return false;
  return refused([(await systemRoots(host)) ?? '']);
}

async function judged(input: CheckInput, base: string): Promise<Trouble[]> {
  const { host } = input.context;
  const names = await host.list(base).catch(() => []);
  const stores = (await dockerds(input)).some(
    ({ daemon, info }) => daemon.certs === base && info?.containerdStore,
  );
  const all = await Promise.all(
    names.map(async (name) => [
      ...(await wrongName(input, base, name).catch(() => [])),
      ...(await wrongFiles(input, join(base, name), stores)),
    ]),
  );
  return all.flat();
}

/** Reports what is wrong in the directories of CAs. */
export const certsD: Check = {
  code: 'certs-d',
  subject: 'files',
  title: 'the CAs are in the directories in which programs look for them',
  on: 'both',
  async look(input) {
    const bases = await basesOf(input);
    return (await Promise.all(bases.map((base) => judged(input, base)))).flat();
  },
};
