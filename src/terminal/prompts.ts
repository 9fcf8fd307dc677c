// Asks questions on a terminal. The only file that imports inquirer; a test passes its own four functions.
import { Interrupted } from '../errors.ts';
import { Secret } from '../secret.ts';

export interface Choice<T> {
  value: T;
  name: string;
  /** One line of help for the choice under the cursor. */
  description?: string | undefined;
  /** Shown after the question once it is answered. */
  short?: string | undefined;
}

export interface Prompts {
  input(question: {
    message: string;
    default?: string;
    /** Returns true, or what is wrong; called when the user presses Enter. */
    validate(value: string): string | true;
    /** Returns the text shown after the input while the user types. */
    remark?(value: string): string;
  }): Promise<string>;
  select<T>(question: { message: string; choices: Choice<T>[]; default?: T | undefined }): Promise<T>;
  /** Masked; empty is an answer if `validate` accepts it. */
  password(question: { message: string; validate(value: string): string | true }): Promise<Secret>;
  confirm(question: { message: string; default: boolean }): Promise<boolean>;
}

/**
 * Returns prompts on standard error: standard output carries only what the user asked for. Each throws Interrupted on Ctrl-C, and when
 * no answer can come any more: the terminal is gone.
 * @param signal once it is aborted, every question throws Interrupted too
 */
export async function terminalPrompts(signal: AbortSignal, dim: (text: string) => string): Promise<Prompts> {
  const { createPromptModule } = await import('inquirer');
  const ended = new AbortController();
  const end = () => ended.abort();
  for (const event of ['end', 'close', 'error']) process.stdin.on(event, end);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  const prompt = createPromptModule({ input: process.stdin, output: process.stderr, signal: ended.signal });
  // biome-ignore lint/suspicious/noExplicitAny: inquirer's types follow the literal list of questions; ours is built here
  async function one(question: Record<string, unknown>): Promise<any> {
    try {
      const { answer } = (await prompt([{ ...question, name: 'answer' }] as never)) as { answer: unknown };
      if (signal.aborted) throw new Interrupted('Nothing was changed.');
      return answer;
    } catch (error) {
      if (!['ExitPromptError', 'AbortPromptError'].includes((error as Error).name)) throw error;
      throw new Interrupted('Nothing was changed.');
    }
  }
  return {
    input: ({ remark, ...question }) =>
      one({
        ...question,
        type: 'input',
        transformer: (value: string, { isFinal }: { isFinal: boolean }) =>
          isFinal || !remark?.(value) ? value : `${value}  ${dim(remark(value))}`,
      }),
    select: (question) => one({ ...question, type: 'select', pageSize: 12 }),
    password: async (question) => new Secret(await one({ ...question, type: 'password', mask: '*' })),
    confirm: (question) => one({ ...question, type: 'confirm' }),
  };
}
