// The packet filter of a machine in memory, as nft and iptables see it: rules come and go, and a test can look at what is left.
import type { RunResult } from '../../src/host/host.ts';

export interface FakeRules {
  /** `none`: neither tool is installed. */
  tool: 'nft' | 'iptables' | 'none';
  /** A rule a line, behind the name of its table. */
  rules: string[];
}

const no = (code: number, stderr: string): RunResult => ({ code, stdout: '', stderr });
const ok = (stdout = ''): RunResult => ({ code: 0, stdout, stderr: '' });

/** What the tool answers; undefined for any other command. */
export function runRules(state: FakeRules, line: string, input: string): (() => RunResult) | undefined {
  const [command = ''] = line.split(' ');
  const [, tool] = /^(nft|ip6?tables)(-restore)?$/.exec(command) ?? [];
  if (!tool) return undefined;
  const installed = tool === 'nft' ? state.tool === 'nft' : state.tool === 'iptables';
  if (!installed) return () => no(127, `${command}: not found`);
  if (tool === 'nft') return () => nft(state, line, input);
  return () => iptables(state, tool, line, input);
}

function nft(state: FakeRules, line: string, input: string): RunResult {
  const [, gone] = /^nft delete table inet (\S+)$/.exec(line) ?? [];
  const prefix = (table: string) => `nft ${table}: `;
  if (gone) {
    if (!state.rules.some((rule) => rule.startsWith(prefix(gone)))) return no(1, 'No such file or directory');
    state.rules = state.rules.filter((rule) => !rule.startsWith(prefix(gone)));
    return ok();
  }
  const [, table = ''] = /^table inet (\S+) \{$/m.exec(input) ?? [];
  state.rules.push(...input.split('\n').map((rule) => prefix(table) + rule));
  return ok();
}

function iptables(state: FakeRules, tool: string, line: string, input: string): RunResult {
  const prefix = `${tool}: `;
  if (/ -S$/.test(line)) {
    const rules = state.rules.filter((rule) => rule.startsWith(prefix));
    return ok(['-P OUTPUT ACCEPT', ...rules.map((rule) => rule.slice(prefix.length))].join('\n'));
  }
  for (const rule of input.split('\n')) {
    if (rule.startsWith('-I ')) state.rules.push(prefix + rule.replace('-I', '-A'));
    if (rule.startsWith('-D '))
      state.rules = state.rules.filter((there) => there !== prefix + rule.replace('-D', '-A'));
  }
  return ok();
}
