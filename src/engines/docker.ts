// Asks Docker what it is. Everything uses the command line, which honours contexts and DOCKER_HOST.
import type { Host } from '../host/host.ts';
import { commandLine } from '../terminal/command.ts';
import { HANGS } from './containers.ts';
import { ANSWERS_WITHIN, type EngineState, notReady, ready } from './types.ts';

/**
 * Returns what Docker says of itself; else an error for each case: not installed, not running, no permission, no answer.
 */
export async function dockerState(host: Host): Promise<EngineState> {
  const { code, stdout, stderr } = await host.run('docker', ['info', '--format', '{{json .}}'], {
    timeout: ANSWERS_WITHIN,
    question: true,
  });
  const info = code === 0 ? (JSON.parse(stdout) as Record<string, unknown>) : {};
  // podman-docker is podman under the name of docker: this program calls it podman.
  if (code === 0 && 'host' in info && 'version' in info) return notReady('absent', 'Docker is podman here.');
  const errors = ((info.ServerErrors as string[] | undefined) ?? []).filter((line) => !stderr.includes(line));
  const refusal = [stderr, ...errors].join('\n').trim();
  if (code === 127)
    return notReady('absent', 'Docker is not installed on this machine.', {
      fix: [
        'Run as root, to have it installed from the packages of the system:',
        `  ${commandLine('--engine docker')}`,
      ],
      instead: ['Or without Docker:', `  ${commandLine('--engine native')}`],
      code: 'not installed',
    });
  if (code === 124)
    return notReady('unusable', `Docker does not answer (waited ${ANSWERS_WITHIN / 1000} s).`, {
      fix: HANGS,
    });
  if (/permission denied/i.test(refusal))
    return notReady('unusable', 'This user may not talk to Docker.', {
      fix: [`As root:            sudo ${commandLine()}`],
      instead: [`Or without Docker:  ${commandLine('--engine native')}`],
    });
  if (typeof info.ServerVersion !== 'string' || info.ServerVersion === '')
    return notReady('stopped', 'Docker is installed, but it is not running.', {
      why: refusal,
      fix: ['systemctl start docker'],
      instead: [`Or without Docker:  ${commandLine('--engine native')}`],
    });
  const security = (info.SecurityOptions as string[] | null) ?? [];
  return ready({
    kind: 'docker',
    version: info.ServerVersion,
    logDriver: String(info.LoggingDriver ?? ''),
    userns: security.some((option) => option.includes('name=userns')),
    rootless: security.some((option) => option.includes('name=rootless')),
  });
}
