// Questions on a terminal. The only door to inquirer; a test hands in another set of these four functions.
import { Interrupted } from '../errors.ts';
import { Secret } from '../secret.ts';

export interface Choice<T> {
  value: T;
  name: string;
  /** One line of help for the choice under the cursor. */
  description?: string | undefined;
  /** What stands after the question once it is answered. */
  short?: string | undefined;
}

export interface Prompts {
  input(question: {
    message: string;
    default?: string;
    /** True, or what is wrong. Asked when Enter is pressed. */
    validate(value: string): string | true;
    /** Shown behind what is typed, while it is typed. */
    remark?(value: string): string;
  }): Promise<string>;
  select<T>(question: { message: string; choices: Choice<T>[]; default?: T | undefined }): Promise<T>;
  /** Masked; empty is an answer when `validate` lets it pass. */
  password(question: { message: string; validate(value: string): string | true }): Promise<Secret>;
  confirm(question: { message: string; default: boolean }): Promise<boolean>;
}

/**
 * Prompts on standard error, so that standard output stays what was asked for.
 * @param signal takes a question away when the process is told to end
 */
export async function terminalPrompts(signal: AbortSignal, dim: (text: string) => string): Promise<Prompts> {
  const { createPromptModule } = await import('inquirer');
  const prompt = createPromptModule({ input: process.stdin, output: process.stderr });
  // biome-ignore lint/suspicious/noExplicitAny: inquirer's types follow the literal list of questions; ours is built here
  async function one(question: Record<string, unknown>): Promise<any> {
    try {
      const { answer } = (await prompt([{ ...question, name: 'answer' }] as never)) as { answer: unknown };
      if (signal.aborted) throw new Interrupted('Nothing was changed.');
      return answer;
    } catch (error) {
      if ((error as Error).name !== 'ExitPromptError') throw error;
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
