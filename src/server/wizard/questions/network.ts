// Asks how clients reach the registry: whether to open the firewall, and to add its name to /etc/hosts.
import { hostsOffer } from '../../../host/resolution.ts';
import { isPublicRegistry } from '../../../settings/public-registries.ts';
import { resolveSettings } from '../../../settings/resolve.ts';
import { shutOpenings } from '../../plan/network.ts';
import { type Asking, current, put, type Question } from './question.ts';

/** Returns the settings of the answers so far; undefined while something in them is wrong. */
function settled({ answers, facts, dir }: Asking) {
  if (facts.engine.state !== 'ready') return undefined;
  const { info } = facts.engine;
  const result = resolveSettings(answers, {
    dir,
    host: facts.addresses[0]?.host,
    engine: info.kind,
  });
  return 'settings' in result ? { settings: result.settings, engine: info } : undefined;
}

/** Returns the openings that the answers so far need and a firewall shuts. */
async function shut(asking: Asking) {
  const so = settled(asking);
  return so ? shutOpenings(so.settings, so.engine, asking.host) : [];
}

export const openPort: Question = {
  flag: 'open-port',
  label: 'Firewall',
  when: async (asking) => current(asking, 'open-port') !== undefined || (await shut(asking)).length > 0,
  async ask(asking) {
    const all = await shut(asking);
    const programs = [...new Set(all.map(({ program }) => program))].join(' and ');
    const ports = [...new Set(all.map(({ port }) => port))];
    const one = ports.length === 1;
    const message =
      ports.length === 0
        ? 'Open its port if the firewall of this machine blocks it?'
        : `Port${one ? '' : 's'} ${ports.join(' and ')} ${one ? 'is' : 'are'} blocked by ${programs}. Open ${one ? 'it' : 'them'}?`;
    const answer = await asking.prompts.confirm({
      message,
      default: current(asking, 'open-port') !== false,
    });
    put(asking, 'open-port', answer);
  },
};

const offer = async (asking: Asking) => {
  const name = current(asking, 'host');
  if (typeof name !== 'string' || current(asking, 'external-url') || isPublicRegistry(name.toLowerCase()))
    return undefined;
  return hostsOffer(asking.host, name.toLowerCase());
};

export const hostsLine: Question = {
  flag: 'hosts-line',
  label: 'Hosts file',
  when: async (asking) => current(asking, 'hosts-line') !== undefined || (await offer(asking)) !== undefined,
  async ask(asking) {
    const name = current(asking, 'host');
    const found = await offer(asking);
    const message =
      found?.leads.to === 'elsewhere'
        ? `${name} is ${found.leads.address}, not this machine. Point it here in /etc/hosts?`
        : `${found ? `${name} is unknown here. Add it` : `Add ${name}`} to /etc/hosts?`;
    const answer = await asking.prompts.confirm({
      message,
      default: (current(asking, 'hosts-line') as boolean | undefined) ?? found?.good ?? false,
    });
    put(asking, 'hosts-line', answer);
  },
};
