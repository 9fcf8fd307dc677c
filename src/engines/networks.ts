// Networks of Docker and podman, whose command lines take the same words.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { engine, OWNER_LABEL } from './containers.ts';
import { ANSWERS_WITHIN, TITLE } from './types.ts';

export interface Network {
  id: string;
  /** `10.89.0.0/28`; '' if the engine names none. */
  subnet: string;
  /** The directory of the set-up that made it; '' if no set-up did. */
  owner: string;
}

/** `No such network` (docker), `network x not found`, `unable to find network` (podman). */
const NONE = /no such network|network .*not found|unable to find network/i;

interface Document {
  Id?: string;
  id?: string;
  Labels?: Record<string, string> | null;
  labels?: Record<string, string> | null;
  IPAM?: { Config?: { Subnet?: string }[] | null };
  subnets?: { subnet?: string }[] | null;
}

/** Returns the network of that name; undefined if there is none. @throws CliError if the engine does not say */
export async function inspectNetwork(
  host: Host,
  name: string,
  program: Program = 'docker',
): Promise<Network | undefined> {
  const { code, stdout, stderr } = await host.run(program, ['network', 'inspect', name], {
    timeout: ANSWERS_WITHIN,
    question: true,
  });
  if (code !== 0) {
    if (code === 127 || NONE.test(stderr)) return undefined;
    throw new CliError(`${TITLE[program]} could not look at the network ${name}.`, { why: stderr.trim() });
  }
  const [found] = JSON.parse(stdout) as Document[];
  const labels = found?.Labels ?? found?.labels ?? {};
  const subnet = found?.IPAM?.Config?.[0]?.Subnet ?? found?.subnets?.[0]?.subnet ?? '';
  return { id: found?.Id ?? found?.id ?? '', subnet, owner: labels[OWNER_LABEL] ?? '' };
}

/** Makes a network whose addresses are given to its containers by hand. */
export const createNetwork = (
  host: Host,
  {
    name,
    subnet,
    owner,
    engine: program = 'docker',
  }: { name: string; subnet: string; owner: string; engine?: Program },
): Promise<string> =>
  engine(
    host,
    program,
    ['network', 'create', '--subnet', subnet, '--label', `${OWNER_LABEL}=${owner}`, name],
    `make the network ${name}`,
  );

/** Removes a network, if it exists. */
export async function removeNetwork(host: Host, name: string, program: Program = 'docker'): Promise<void> {
  const { code, stderr } = await host.run(program, ['network', 'rm', name], { timeout: ANSWERS_WITHIN });
  if (code !== 0 && code !== 127 && !NONE.test(stderr))
    throw new CliError(`${TITLE[program]} could not remove the network ${name}.`, { why: stderr.trim() });
}
