// Asks questions on a terminal. The only file that imports inquirer's prompts; a test passes its own four functions.
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
  const [input, select, password, confirm] = await Promise.all([
    import('@inquirer/input'),
    import('@inquirer/select'),
    import('@inquirer/password'),
    import('@inquirer/confirm'),
  ]);
  const ended = new AbortController();
  const end = () => ended.abort();
  for (const event of ['end', 'close', 'error']) process.stdin.on(event, end);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  const where = { input: process.stdin, output: process.stderr, signal: ended.signal };
  async function one<T>(answer: Promise<T>): Promise<T> {
    try {
      const given = await answer;
      if (signal.aborted) throw new Interrupted('Nothing was changed.');
      return given;
    } catch (error) {
      if (!['ExitPromptError', 'AbortPromptError'].includes((error as Error).name)) throw error;
      throw new Interrupted('Nothing was changed.');
    }
  }
  return {
    input: ({ remark, ...question }) => {
      const transformer = (value: string, { isFinal }: { isFinal: boolean }) =>
        isFinal || !remark?.(value) ? value : `${value}  ${dim(remark(value))}`;
      return one(input.default({ ...question, transformer }, where));
    },
    select: (question) => one(select.default({ ...question, pageSize: 12 } as never, where)),
    password: async (question) => new Secret(await one(password.default({ ...question, mask: '*' }, where))),
    confirm: (question) => one(confirm.default(question, where)),
  };
}
