// What the tests of developer machines share: the line that a server prints, and an image on its way there and back.
import type { Host } from '../../lab/host.ts';
import { run } from './machines.ts';

export const PASSWORD = 'pass-word 1';
/** What `--client` remembers of a machine: a reset leaves it, unless it is told. */
export const MEMORY = '/var/lib/registry-setup';

export const toolOf = ({ flavour }: Host) => (flavour.endsWith('podman') ? 'podman' : 'docker');

/** Sets a registry up; gives the flags of the line for developer machines, for one that types nothing. */
export async function setUp(server: Host, flags: string): Promise<string> {
  const { stderr } = await run(server, `--yes ${flags} --password-stdin`, { input: PASSWORD });
  const line = /npx registry-setup (--client .*)/.exec(stderr)?.[1];
  if (!line) throw new Error(`no line for developer machines in:\n${stderr}`);
  return `${line} --yes --password-stdin`;
}

export async function pushAndPull(host: Host, name: string): Promise<void> {
  const tool = toolOf(host);
  await host.sh(`${tool} tag lab/hello:1 ${name} && ${tool} push -q ${name} && ${tool} rmi ${name}`);
  await host.sh(`${tool} pull -q ${name} && ${tool} rmi ${name}`);
}
