// The words that Docker and podman understand. Everything goes through the command line, so that contexts and DOCKER_HOST are
// honoured. Where the two differ it says so.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { commandLine } from '../terminal/command.ts';
import { HANGS } from './containers.ts';
import { ANSWERS_WITHIN, type EngineInfo, NoEngine, StoppedEngine } from './types.ts';

/**
 * What the engine says of itself.
 * @throws CliError that tells apart: not installed, not running, no permission, no answer
 */
export async function engineInfo(host: Host): Promise<EngineInfo> {
  const { code, stdout, stderr } = await host.run('docker', ['info', '--format', '{{json .}}'], {
    timeout: ANSWERS_WITHIN,
  });
  const info = code === 0 ? (JSON.parse(stdout) as Record<string, unknown>) : {};
  // podman-docker is podman under the name of docker: it is spoken to by its own.
  if (code === 0 && 'host' in info && 'version' in info) throw new NoEngine('Docker is podman here.');
  const errors = ((info.ServerErrors as string[] | undefined) ?? []).filter((line) => !stderr.includes(line));
  const refusal = [stderr, ...errors].join('\n').trim();
  if (code === 127)
    throw new NoEngine('Docker is not installed on this machine.', {
      fix: [
        'As root it is installed from the packages of the system:',
        `  ${commandLine('--engine docker')}`,
        'Or without Docker:',
        `  ${commandLine('--engine native')}`,
      ],
    });
  if (code === 124)
    throw new CliError(`Docker does not answer (waited ${ANSWERS_WITHIN / 1000} s).`, { fix: HANGS });
  if (/permission denied/i.test(refusal))
    throw new CliError('This user may not talk to Docker.', {
      fix: [
        `As root:            sudo ${commandLine()}`,
        `Or without Docker:  ${commandLine('--engine native')}`,
      ],
    });
  if (typeof info.ServerVersion !== 'string' || info.ServerVersion === '')
    throw new StoppedEngine('Docker is installed, but it is not running.', {
      why: refusal,
      fix: ['systemctl start docker', `Or without Docker:  ${commandLine('--engine native')}`],
    });
  const security = (info.SecurityOptions as string[] | null) ?? [];
  return {
    kind: 'docker',
    version: info.ServerVersion,
    logDriver: String(info.LoggingDriver ?? ''),
    userns: security.some((option) => option.includes('name=userns')),
    rootless: security.some((option) => option.includes('name=rootless')),
  };
}
