// The Docker daemon of a machine: daemon.json as text, its flags, reload and restart. This file asks a running dockerd what it
// trusts, reloads and restarts it.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { hasRead, scopeWords, systemctl, systemctlLine } from '../host/systemd.ts';
import type { Daemon, Directive } from './types.ts';

export interface DaemonInfo {
  version: string;
  /** The operating system; Docker Desktop names itself here. */
  system: string;
  root: string;
  rootless: boolean;
  /** containerd keeps the images, and reads certs.d in another way. */
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
 * Returns what a dockerd says about itself; undefined if none runs.
 * @throws CliError if it does not answer within 15 seconds; with the code `forbidden` if this user may not talk to dockerd
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
    // Without the suffix of a distribution: `26.1.5+dfsg1`.
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

/** Tells whether the running dockerd has an entry. It shows a mirror with a slash at its end, an insecure registry without a scheme. */
export function hasEntry(info: DaemonInfo, directive: Directive, entry: string): boolean {
  if (directive === 'insecure-registries') return info.insecure.includes(entry.replace(/^https?:\/\//, ''));
  return info.mirrors.some((mirror) => mirror.replace(/\/$/, '') === entry.replace(/\/$/, ''));
}

const scopeOf = ({ uid }: Daemon) => ({ own: uid !== 0 });
export const reloadCommand = (daemon: Daemon) => systemctlLine(scopeOf(daemon), 'reload', daemon.unit);
export const restartCommand = (daemon: Daemon) => systemctlLine(scopeOf(daemon), 'restart', daemon.unit);

/**
 * Makes dockerd read daemon.json again; if systemd did not start it, by the signal that systemd would send.
 * @throws CliError if no way works
 */
async function reload(host: Host, daemon: Daemon): Promise<void> {
  const scope = scopeOf(daemon);
  const { code, stderr } = await systemctl(host, scope, 'reload', daemon.unit);
  if (code === 0) return;
  // A unit may lack a reload (snap), and dockerd may have been started by hand.
  const signal = ['kill', '-s', 'HUP', '--kill-who=main', daemon.unit];
  if ((await systemctl(host, scope, ...signal)).code === 0) return;
  const pid = daemon.uid === 0 ? (await host.read('/var/run/docker.pid'))?.toString().trim() : undefined;
  if (pid && (await host.run('kill', ['-HUP', pid])).code === 0) return;
  throw new CliError('Docker could not reload its settings.', { why: stderr.trim() });
}

/** Returns the advice for an error that dockerd gives about a registry; none for an unknown error. */
export function adviceFor(said: string): string[] {
  if (/unknown authority/.test(said))
    return ['A running Docker reads the system trust store only when it starts:   systemctl restart docker'];
  if (/proxyconnect|Proxy/.test(said))
    return ['Docker asks a proxy for it: add the registry to its NO_PROXY   (docker info | grep -i proxy)'];
  return [];
}

const STARTS_WITHIN = 60_000;

/** Returns what identifies this start of dockerd among all others; undefined if systemd does not say. (systemd.exec(5), $INVOCATION_ID) */
export async function startOf(host: Host, daemon: Daemon): Promise<string | undefined> {
  const words = ['show', '--property=InvocationID', '--value', daemon.unit];
  const { code, stdout } = await systemctl(host, scopeOf(daemon), ...words);
  return code === 0 ? stdout.trim() || undefined : undefined;
}

/** Makes systemd read the unit of dockerd again, if its files changed. Restarts nothing. */
export async function reread(host: Host, daemon: Daemon): Promise<void> {
  if (await hasRead(host, scopeOf(daemon), daemon.unit)) return;
  await systemctl(host, scopeOf(daemon), 'daemon-reload');
}

/** Restarts dockerd, and waits until it answers. @throws CliError with dockerd's log lines if it does not within 60 seconds */
export async function restartDocker(host: Host, daemon: Daemon): Promise<void> {
  const scope = scopeOf(daemon);
  await systemctl(host, scope, 'daemon-reload');
  // systemd counts starts, and refuses the fourth within a minute: reset the count.
  await systemctl(host, scope, 'reset-failed', daemon.unit);
  const { code } = await systemctl(host, scope, 'restart', daemon.unit);
  const end = Date.now() + STARTS_WITHIN;
  while (code === 0 && Date.now() < end) {
    if (await daemonInfo(host, daemon)) return;
    await sleep(200);
  }
  throw new CliError('Docker did not start again.', { why: await lastWords(host, daemon) });
}

/** Returns dockerd's last log lines about a reload: it reports a refusal only in its log. */
async function lastWords(host: Host, daemon: Daemon): Promise<string> {
  const args = [...scopeWords(scopeOf(daemon)), '-u', daemon.unit, '-n', '20', '--no-pager', '-o', 'cat'];
  const { stdout } = await host.run('journalctl', args, { timeout: 5_000 });
  const lines = stdout.split('\n').filter((line) => /reload|configur|error|conflict/i.test(line));
  return lines.slice(-4).join('\n');
}

/**
 * Reloads dockerd, and waits until it has the entry, or no longer has it.
 * @throws CliError with dockerd's log lines if the change takes no effect within 5 seconds
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
      throw new CliError(`Docker did not accept the change of ${daemon.config}.`, {
        why: await lastWords(host, daemon),
      });
    await sleep(100);
  }
}

/** Asks dockerd (23 and later) whether it would start with this file. Returns its errors; undefined if none, or if it cannot tell. */
export async function validate(host: Host, file: string): Promise<string | undefined> {
  const said = await judgementOf(host, file);
  return typeof said === 'string' ? undefined : said.refuses;
}

/** Does what `validate` does, and tells a dockerd that takes the file from one that cannot tell. */
export async function judgementOf(
  host: Host,
  file: string,
): Promise<'takes it' | 'cannot tell' | { refuses: string }> {
  const { code, stdout, stderr } = await host.run('dockerd', ['--validate', '--config-file', file]);
  if (code === 0) return 'takes it';
  if (code === 127 || /unknown flag/.test(stderr)) return 'cannot tell';
  return { refuses: `${stdout}${stderr}`.trim() };
}
