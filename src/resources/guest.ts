// A line in htpasswd that lets this program in while a command runs: the way back takes out that line, and nothing else.
import type { Host } from '../host/host.ts';
import type { StepKind } from './provider.ts';

export interface GuestStep {
  do: 'guest';
  /** The path of htpasswd. */
  path: string;
  name: string;
}

const isOf = (name: string) => (line: string) => line.startsWith(`${name}:`);

/** Returns the text without the guest's line. */
const without = (text: string, name: string): string =>
  text
    .split('\n')
    .filter((line) => !isOf(name)(line))
    .join('\n');

const linesOf = async ({ path }: GuestStep, host: Host) => (await host.read(path))?.toString();

/** No resource returns it: the guest is gone at the end of every command. */
export const guest: StepKind<GuestStep> = {
  async perform(step, host) {
    const [text, there] = await Promise.all([linesOf(step, host), host.stat(step.path)]);
    if (text === undefined || !there) return;
    const rest = without(text, step.name);
    const { mode, uid, gid } = there;
    if (rest !== text) await host.write(step.path, rest, { mode, uid, gid });
  },
  isLeft: async (step, host) => ((await linesOf(step, host)) ?? '').split('\n').some(isOf(step.name)),
  inverse: async () => ({ steps: [] }),
  words: ({ path, name }) => `remove the line of ${name} from ${path}`,
};
