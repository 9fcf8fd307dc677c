// The yes that a change needs: from --yes, or from a user at a terminal.
import { type Context, isOn, nobodyToAsk } from '../context.ts';
import { Declined } from '../errors.ts';

/** Verifies that a yes can be had. @throws CliError (exit 2) if --yes was not given and nobody can be asked */
export function askable(context: Context): void {
  if (!isOn(context, 'yes') && !context.output.terminal) throw nobodyToAsk();
}

/**
 * Asks, unless --yes was given.
 * @param message the question, which names what is changed
 * @throws CliError (exit 2) if there is no terminal, Declined after a no
 */
export async function agree(context: Context, message: string, byDefault: boolean): Promise<void> {
  askable(context);
  if (isOn(context, 'yes')) return;
  const prompts = await context.prompts();
  if (!(await prompts.confirm({ message, default: byDefault }))) throw new Declined();
}
