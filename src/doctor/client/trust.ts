// Checks that the programs here accept who signed the certificate of the registry, each with the CAs that it reads.
import { dirname, join } from 'node:path';
import { refusalReasons } from '../../certificates/refusal.ts';
import { systemRoots } from '../../certificates/system-roots.ts';
import { certificateTrouble } from '../../client/certificate.ts';
import { installedRoots } from '../../client/certs-dir.ts';
import type { Target } from '../../client/target.ts';
import { handshake } from '../../registry/handshake.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { type Wire, wireOf } from '../connection/wire.ts';
import { forEach, isOwn, trouble } from '../found.ts';
import { waysTo } from './insecure.ts';

/** The programs that read certs.d, and the names in Way that stand for them. */
const READERS: Partial<Record<Target['name'], string>> = {
  docker: 'Docker',
  rootless: 'Docker',
  snap: 'Docker',
  podman: 'podman',
  containerd: 'containerd',
};

/** Returns the directories in which a program looks for the CAs of a registry. podman reads those of Docker as well. (containers-certs.d(5)) */
function directoriesOf({ name, certs }: Target, address: string): string[] {
  const own = certs ? [join(dirname(certs), address)] : [];
  return name === 'podman'
    ? [...own, join('/etc/containers/certs.d', address), join('/etc/docker/certs.d', address)]
    : own;
}

async function refusedBy(
  input: CheckInput,
  { address, at }: Asked,
  { chain, ip }: Wire,
  target: Target,
): Promise<Trouble[]> {
  const { host } = input.context;
  const dirs = directoriesOf(target, address);
  const installed = (await installedRoots(host, dirs).catch(() => [])).map(String);
  const system = await systemRoots(host);
  const roots = [...installed, ...(system === undefined ? [] : [system])];
  const { refused } = await handshake({ ...at, connectTo: ip, tls: true }, at.host, roots);
  if (refused === undefined) return [];
  const [first] = dirs;
  const has = installed.length > 0 ? `none of the CAs in ${first} signed it` : `${first} holds no CA for it`;
  const [why] = refusalReasons(refused, { chain: chain.map(String), roots: installed, name: at.host });
  return [
    trouble('unknown-authority', `${target.label} does not accept the certificate of ${address}: ${has}.`, {
      mend: [commandLine(`--client --host ${at.host}:${at.port}`)],
      evidence: why,
    }),
  ];
}

async function trusted(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  if (isOwn(input, registry)) return [];
  const wire = await wireOf(input, registry);
  const { host, port } = registry.at;
  // A certificate that nobody accepts is another trouble.
  if (wire.chain.length === 0 || certificateTrouble({ chain: wire.chain, ahead: 0 }, { host, port }))
    return [];
  const ways = await waysTo(input, registry);
  const isLoose = (target: Target) =>
    ways.some(({ program, insecure }) => insecure && program === READERS[target.name]);
  const all = input.targets.filter((target) => READERS[target.name] && !isLoose(target));
  return (await Promise.all(all.map((target) => refusedBy(input, registry, wire, target)))).flat();
}

/** Tells whether Docker accepts now who signed the certificate of a registry; also of the one that runs here. */
export async function dockerTrusts(input: CheckInput, registry: Asked): Promise<boolean> {
  const wire = await wireOf(input, registry);
  const dockers = input.targets.filter(({ name }) => READERS[name] === 'Docker');
  if (wire.chain.length === 0 || dockers.length === 0) return false;
  const refusals = await Promise.all(dockers.map((target) => refusedBy(input, registry, wire, target)));
  return refusals.flat().length === 0;
}

/** Reports a certificate whose signer a program of this machine does not know. */
export const trust: Check = {
  code: 'trust',
  subject: 'connection',
  title: 'the programs here trust who signed the certificate',
  on: 'both',
  look: (input) => forEach(input, (registry) => trusted(input, registry)),
};
