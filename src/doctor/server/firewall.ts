// Checks that the firewall of this machine lets clients through to the registry.
import { firewallNews } from '../../server/checks/firewall.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { trouble } from '../found.ts';

async function look({ context: { host }, server }: CheckInput): Promise<Trouble[]> {
  if (!server) return [];
  const { settings, engine } = server;
  const news = await firewallNews(settings, engine, host);
  return (
    news
      // That Docker bypasses ufw is bad where nothing else asks who is there.
      .filter(({ code }) => code !== 'bypassed' || settings.auth === 'none')
      .map(({ code, message, fix }) =>
        trouble(`firewall-${code}`, message, {
          severity: code === 'bypassed' ? 'risk' : 'broken',
          mend: fix,
        }),
      )
  );
}

/** Reports ports that no other machine reaches, or that everybody does. */
export const firewall: Check = {
  code: 'firewall',
  subject: 'connection',
  title: 'the firewall lets clients through',
  on: 'server',
  look,
};
