// A running dockerd, as the machine of a developer has it: what it trusts, and how it is told to read its files again.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { scopeWords, systemctl, systemctlLine } from '../host/systemd.ts';
import type { Daemon, Directive } from './types.ts';

export interface DaemonInfo {
  version: string;
  /** Docker Desktop says so here. */
  system: string;
  root: string;
  rootless: boolean;
  /** Images are kept by containerd, which reads certs.d in another way. */
  containerdStore: boolean;
  liveRestore: boolean;
  running: number;
  insecure: string[];
  mirrors: string[];
  proxy: { http: string; https: string; no: string };
}

const ANSWERS_WITHIN = 15_000;
const TAKES_EFFECT_WITHIN = 5_000;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const socketOf = ({ socket }: { socket?: string | undefined }) =>
  socket ? { env: { DOCKER_HOST: socket } } : {};

/**
 * What a dockerd says of itself; undefined where none runs.
 * @throws CliError where it does not answer; with the code `forbidden` where this user may not talk to it
 */
export async function daemonInfo(
  host: Host,
  daemon: { socket?: string | undefined },
): Promise<DaemonInfo | undefined> {
  const args = ['info', '--format', '{{json .}}'];
  const { code, stdout, stderr } = await host.run('docker', args, {
    timeout: ANSWERS_WITHIN,
    ...socketOf(daemon),
  });
  if (code === 124) throw new CliError('Docker does not answer.', { fix: 'journalctl -u docker -n 50' });
  const info = stdout.trim().startsWith('{') ? JSON.parse(stdout) : {};
  const refusal = [stderr, ...(info.ServerErrors ?? [])].join('\n');
  if (/permission denied/i.test(refusal))
    throw new CliError('This user may not talk to Docker.', { why: refusal.trim(), code: 'forbidden' });
  if (!info.ServerVersion) return undefined;
  const indexes = Object.values(info.RegistryConfig?.IndexConfigs ?? {}) as {
    Name: string;
    Secure: boolean;
  }[];
  return {
    // Without what a distribution adds: `26.1.5+dfsg1`.
    version: String(info.ServerVersion).replace(/[+~].*/, ''),
    system: info.OperatingSystem ?? '',
    root: info.DockerRootDir ?? '',
    rootless: (info.SecurityOptions ?? []).some((option: string) => option.includes('name=rootless')),
    containerdStore: JSON.stringify(info.DriverStatus ?? '').includes('io.containerd.snapshotter.v1'),
    liveRestore: info.LiveRestoreEnabled === true,
    running: info.ContainersRunning ?? 0,
    insecure: [
      ...indexes.filter(({ Secure }) => !Secure).map(({ Name }) => Name),
      ...(info.RegistryConfig?.InsecureRegistryCIDRs ?? []),
    ],
    mirrors: info.RegistryConfig?.Mirrors ?? [],
    proxy: { http: info.HttpProxy ?? '', https: info.HttpsProxy ?? '', no: info.NoProxy ?? '' },
  };
}

/** Whether the running one has an entry. It writes a mirror with a slash at its end, and an insecure registry without a scheme. */
export function hasEntry(info: DaemonInfo, directive: Directive, entry: string): boolean {
  if (directive === 'insecure-registries') return info.insecure.includes(entry.replace(/^https?:\/\//, ''));
  return info.mirrors.some((mirror) => mirror.replace(/\/$/, '') === entry.replace(/\/$/, ''));
}

const scopeOf = ({ uid }: Daemon) => ({ own: uid !== 0 });
export const reloadCommand = (daemon: Daemon) => systemctlLine(scopeOf(daemon), 'reload', daemon.unit);
export const restartCommand = (daemon: Daemon) => systemctlLine(scopeOf(daemon), 'restart', daemon.unit);

/** Tells it to read daemon.json again. Where systemd did not start it, by the signal that systemd would send. */
export async function reload(host: Host, daemon: Daemon): Promise<void> {
  const scope = scopeOf(daemon);
  const { code, stderr } = await systemctl(host, scope, 'reload', daemon.unit);
  if (code === 0) return;
  // A unit may have no reload of its own (snap), and dockerd may have been started by hand.
  const signal = ['kill', '-s', 'HUP', '--kill-who=main', daemon.unit];
  if ((await systemctl(host, scope, ...signal)).code === 0) return;
  const pid = daemon.uid === 0 ? (await host.read('/var/run/docker.pid'))?.toString().trim() : undefined;
  if (pid && (await host.run('kill', ['-HUP', pid])).code === 0) return;
  throw new CliError('Docker could not be told to read its settings again.', { why: stderr.trim() });
}

/** What helps against what it says of a registry. */
export function adviceFor(said: string): string[] {
  if (/unknown authority/.test(said))
    return [
      'A Docker that runs reads the trust store of the system at its start alone:   systemctl restart docker',
    ];
  if (/proxyconnect|Proxy/.test(said))
    return [
      'Docker asks a proxy for it: the registry belongs into its NO_PROXY   (docker info | grep -i proxy)',
    ];
  return [];
}

const STARTS_WITHIN = 60_000;

/** Restarts it, and waits until it answers. @throws CliError with its own words when it does not come up */
export async function restartDocker(host: Host, daemon: Daemon): Promise<void> {
  const scope = scopeOf(daemon);
  await systemctl(host, scope, 'daemon-reload');
  // systemd counts starts, and refuses the fourth within a minute.
  await systemctl(host, scope, 'reset-failed', daemon.unit);
  const { code } = await systemctl(host, scope, 'restart', daemon.unit);
  const end = Date.now() + STARTS_WITHIN;
  while (code === 0 && Date.now() < end) {
    if (await daemonInfo(host, daemon)) return;
    await sleep(200);
  }
  throw new CliError('Docker did not start again.', { why: await lastWords(host, daemon) });
}

/** Its last words on a reload: it refuses one in its log alone. */
async function lastWords(host: Host, daemon: Daemon): Promise<string> {
  const args = [...scopeWords(scopeOf(daemon)), '-u', daemon.unit, '-n', '20', '--no-pager', '-o', 'cat'];
  const { stdout } = await host.run('journalctl', args, { timeout: 5_000 });
  const lines = stdout.split('\n').filter((line) => /reload|configur|error|conflict/i.test(line));
  return lines.slice(-4).join('\n');
}

/**
 * Reloads, and waits until the running one has the entry, or has it no more.
 * @throws CliError with its own words when it did not take it
 */
export async function reloadUntil(
  host: Host,
  daemon: Daemon,
  { directive, entry, present }: { directive: Directive; entry: string; present: boolean },
): Promise<void> {
  await reload(host, daemon);
  const end = Date.now() + TAKES_EFFECT_WITHIN;
  for (;;) {
    const info = await daemonInfo(host, daemon);
    if (info && hasEntry(info, directive, entry) === present) return;
    if (Date.now() > end)
      throw new CliError(`Docker did not take the change of ${daemon.config}.`, {
        why: await lastWords(host, daemon),
      });
    await sleep(100);
  }
}

/** Asks dockerd itself, where it can be asked (23 and later), whether it would start with this file. */
export async function validate(host: Host, file: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await host.run('dockerd', ['--validate', '--config-file', file]);
  if (code === 0 || code === 127 || /unknown flag/.test(stderr)) return undefined;
  return `${stdout}${stderr}`.trim();
}
