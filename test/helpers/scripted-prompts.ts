// Somebody at a terminal who knows what to answer; where the script says nothing, Enter is pressed.
import { Secret } from '../../src/secret.ts';
import type { Prompts } from '../../src/terminal/prompts.ts';

export interface Scripted extends Prompts {
  /** What was asked, with what was answered, and what was refused: `Port = 80`, `Port: Port 80 is taken.`. */
  transcript: string[];
}

type Answer = string | boolean;

/** Each entry answers the next question whose message holds its text; one may be there again. */
export function scripted(...script: [asked: string, answer: Answer][]): Scripted {
  const transcript: string[] = [];
  const left = [...script];
  function next(message: string): Answer | undefined {
    const at = left.findIndex(([asked]) => message.includes(asked));
    return at < 0 ? undefined : left.splice(at, 1)[0]?.[1];
  }
  function text(message: string, enter: string, validate: (value: string) => string | true): string {
    for (let tries = 0; tries < 5; tries++) {
      const value = String(next(message) ?? enter);
      const verdict = validate(value);
      transcript.push(verdict === true ? `${message} = ${value}` : `${message}: ${verdict}`);
      if (verdict === true) return value;
    }
    throw new Error(`no answer is taken:\n${transcript.join('\n')}`);
  }
  return {
    transcript,
    input: async (question) => text(question.message, question.default ?? '', question.validate),
    password: async ({ message, validate }) => new Secret(text(message, '', validate)),
    confirm: async (question) => {
      const answer = (next(question.message) ?? question.default) === true;
      transcript.push(`${question.message} = ${answer ? 'yes' : 'no'}`);
      return answer;
    },
    async select<T>(question: {
      message: string;
      choices: { value: T; name: string }[];
      default?: T | undefined;
    }) {
      const wanted = next(question.message);
      const chosen =
        wanted === undefined
          ? (question.choices.find(({ value }) => value === question.default) ?? question.choices[0])
          : question.choices.find(({ name }) => name.includes(String(wanted)));
      if (!chosen)
        throw new Error(`"${wanted}" is no choice of ${question.choices.map(({ name }) => name).join(', ')}`);
      transcript.push(`${question.message} = ${chosen.name.trim()}`);
      return chosen.value;
    },
  };
}
