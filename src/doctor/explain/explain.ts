// Explains a pasted text: a line of an error, a whole screen, a log.
import { visible } from '../../terminal/visible.ts';
import type { Subject } from '../check.ts';
import { CONNECTION } from './connection.ts';
import { FILES } from './files.ts';
import { LOGIN } from './login.ts';
import { MACHINE } from './machine.ts';
import type { Message, OwnRegistry } from './message.ts';

/** The most special first: of the rows that fit a line, the first one counts. */
const MESSAGES: Message[] = [...FILES, ...MACHINE, ...CONNECTION, ...LOGIN];

/** What a text says, once for each meaning. */
export interface Explained {
  code: string;
  subject: Subject;
  cause: string;
  mend: string[];
  /** The first line that says it: cleaned, cut, without secrets. */
  line: string;
  /** How many lines say it. */
  times: number;
}

/** What is looked at of a text: its last lines, and of each its first characters. */
const LINES = 5_000;
const LENGTH = 2_000;
/** What is shown of a line. */
const SHOWN = 300;

/** Returns a line of others without passwords and tokens. */
const withoutSecrets = (line: string): string =>
  line
    .replace(/\b(Basic|Bearer)\s{1,4}[\w+/=.~-]{12,}/gi, '$1 …')
    .replace(/:\/\/[^\s/@:]{1,200}:[^\s/@]{1,200}@/g, '://…@')
    .replace(/\b(password|passwd|secret|token|pwd)(["']?\s{0,2}[:=]\s{0,2}["']?)[^\s"',;&]{1,400}/gi, '$1$2…')
    .replace(/(-p|--password)([ =])\S{1,400}/g, '$1$2…');

/** Returns the line as it is shown. */
const shownLine = (line: string): string => {
  const clean = visible(withoutSecrets(line.trim()));
  return clean.length > SHOWN ? `${clean.slice(0, SHOWN)}…` : clean;
};

/**
 * Explains each line that is known, in the order of the text.
 * @param text of others: may hold anything
 * @param own the registry on this machine
 */
export function explain(text: string, own: OwnRegistry | undefined): Explained[] {
  const found = new Map<string, Explained>();
  for (const whole of text.split(/\r?\n|\r/).slice(-LINES)) {
    const line = whole.slice(0, LENGTH);
    for (const { code, subject, pattern, when, cause, mend } of MESSAGES) {
      const match = pattern.exec(line);
      if (!match || (when && !when(line))) continue;
      const known = found.get(code);
      if (known) known.times += 1;
      else
        found.set(code, {
          code,
          subject,
          cause: visible(withoutSecrets(cause(match, line))),
          mend: mend(match, line, own).map((one) => visible(one)),
          line: shownLine(line),
          times: 1,
        });
      break;
    }
  }
  return [...found.values()];
}
