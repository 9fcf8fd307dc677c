// Checks what the firewall of this machine lets through to the registry, and words what the user must know about it.
import type { EngineInfo } from '../../engines/types.ts';
import { isLoopback, isOn, openCommand, openings, passageOf } from '../../host/firewall/firewall.ts';
import type { Host } from '../../host/host.ts';
import { portsTaken } from '../../settings/gateway.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Facts } from '../plan/facts.ts';
import { served } from '../plan/network.ts';
import type { Finding } from './finding.ts';

export interface FirewallNews {
  /** `bypassed`: nothing is filtered; `denied`: a rule refuses the port; `shut`: no rule opens it. */
  code: 'bypassed' | 'denied' | 'shut';
  message: string;
  fix: string[];
}

/** Returns what the user must know if no port was, or could be, opened; and that ports published by Docker bypass ufw. */
export async function firewallNews(
  settings: Settings,
  engine: EngineInfo,
  host: Host,
): Promise<FirewallNews[]> {
  const news: FirewallNews[] = [];
  const { kind, rootless } = engine;
  const ports = portsTaken(settings).join(' and ');
  if (kind === 'docker' && !rootless && !isLoopback(settings.bind) && (await isOn(host, 'ufw')))
    news.push({
      code: 'bypassed',
      message: `ufw is on, and ports that Docker publishes bypass it: whoever reaches this machine reaches port ${ports}.`,
      fix: [`${commandLine('--bind IP')}      listens on one address only`],
    });
  const mayOpen = host.machine.uid === 0 && settings.openPort === true;
  for (const opening of await openings(served(settings), engine, host)) {
    const passage = await passageOf(opening, host);
    const { program, port } = opening;
    const sudo = host.machine.uid === 0 ? '' : 'sudo ';
    if (passage === 'denied')
      news.push({
        code: 'denied',
        message: `A rule of ${program} refuses port ${port}: no other machine reaches it.`,
        fix: [`${sudo}${program === 'ufw' ? 'ufw status numbered' : 'firewall-cmd --list-all'}`],
      });
    if (passage === 'shut' && !mayOpen)
      news.push({
        code: 'shut',
        message: `${program} is on: no other machine reaches port ${port} until it is opened.`,
        fix: [openCommand(opening).replaceAll(/(^|&& )/g, `$1${sudo}`)],
      });
  }
  return news;
}

/** Returns the same as warnings, before anything is changed; none on a re-run, whose ports are known. */
export async function firewallFindings(
  settings: Settings,
  { engine, last }: Facts,
  host: Host,
): Promise<Finding[]> {
  if (last || engine.state !== 'ready') return [];
  const news = await firewallNews(settings, engine.info, host);
  return news.map(({ message, fix }) => ({ level: 'warning', message, fix }));
}
