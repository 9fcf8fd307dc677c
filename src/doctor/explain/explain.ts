// Explains a pasted text: a line of an error, a whole screen, a log.
import { visible } from '../../terminal/visible.ts';
import type { Subject } from '../check.ts';
import { CONNECTION } from './connection.ts';
import { FILES } from './files.ts';
import { LOGIN } from './login.ts';
import { MACHINE } from './machine.ts';
import { type About, isOwnPlace, type Message, type OwnRegistry, placeIn } from './message.ts';
import { NAMES } from './names.ts';
import { PROXY } from './proxy.ts';
import { withoutSecrets } from './secrets.ts';
import { TLS } from './tls.ts';

/** The most special first: of the rows that fit a line, the first one counts. */
const ROWS: Message[] = [...FILES, ...MACHINE, ...PROXY, ...TLS, ...CONNECTION, ...LOGIN, ...NAMES];
const MESSAGES = [...ROWS.filter(({ general }) => !general), ...ROWS.filter(({ general }) => general)];

/** What a text says, once for each meaning. */
export interface Explained {
  code: string;
  subject: Subject;
  cause: string;
  mend: string[];
  /** The registry that the message names. */
  place?: string;
  /** The last line that says it: cleaned, cut, without secrets. */
  line: string;
  /** How many lines say it. */
  times: number;
}

/** What is looked at of a text: its last lines, and of each its first characters. */
const LINES = 5_000;
const LENGTH = 2_000;
/** What is shown of a line. */
const SHOWN = 300;
/** Over how many lines a terminal, or a mail, may have spread a message; and of how many last lines that is thought. */
const SPREAD = 4;
const SCREEN = 200;

/** How the lines of logs begin: logfmt, ISO 8601, syslog, glog, nginx. */
const STAMP = /^\s{0,4}(?:time="|\d{4}[-/]\d\d[-/]\d\d|[A-Z][a-z]{2} {1,2}\d{1,2} \d|[IWEF]\d{4} )/;

/** Colours and other sequences of a terminal. (ECMA-48, 5.4) */
const SEQUENCES = /\p{Cc}\[[0-?]{0,20}[ -/]{0,4}[@-~]/gu;

/** Returns the line as it is shown. */
const shownLine = (line: string): string => {
  const clean = visible(withoutSecrets(line.trim()));
  return clean.length > SHOWN ? `${clean.slice(0, SHOWN)}…` : clean;
};

/** Returns what a line says; undefined if nothing known. */
function meaning(about: About): { message: Message; found: RegExpExecArray } | undefined {
  for (const message of MESSAGES) {
    const found = message.pattern.exec(about.line);
    if (found && (message.when?.(about) ?? true)) return { message, found };
  }
  return undefined;
}

/**
 * Explains each line that is known: causes before what only follows from them, else in the order of the text.
 * @param text of others: may hold anything
 * @param own the registry on this machine
 * @param known the one registry that this machine uses: a message that names none is about it
 */
export function explain(text: string, own: OwnRegistry | undefined, known = own?.address): Explained[] {
  const lines = text
    .replace(SEQUENCES, '')
    .split(/\r?\n|\r/)
    .slice(-LINES)
    .map((line) => line.slice(0, LENGTH));
  const found = explainLines(lines, own, known);
  // A message may be spread over lines: by a terminal at any character, by a mail between words.
  if (found.length > 0 || lines.length < 2) return found;
  const screen = lines.slice(-SCREEN);
  return ['', ' ']
    .map((between) =>
      explainLines(
        screen.map((_, index) =>
          screen
            .slice(index, index + SPREAD)
            .map((line) => line.replace(/^[>|\s]{1,20}|\s{1,20}$/g, ''))
            .join(between)
            .slice(0, LENGTH),
        ),
        own,
        known,
      ).map((one) => ({ ...one, times: 1 })),
    )
    .reduce((first, second) => (first.length > 0 ? first : second));
}

function explainLines(
  lines: string[],
  own: OwnRegistry | undefined,
  fallback: string | undefined,
): Explained[] {
  const found = new Map<string, Explained & { general: boolean }>();
  let last: string | undefined;
  for (const line of lines) {
    // Lines of a log have nothing to do with each other, those of a screen have.
    const before = last;
    last = placeIn(line) ?? (STAMP.test(line) ? undefined : last);
    const isOwn = own && (last === undefined || isOwnPlace(own, last));
    const about: About = { line, place: last ?? fallback, before, own: isOwn ? own : undefined };
    const said = meaning(about);
    if (!said) continue;
    const { message, found: match } = said;
    const known = found.get(message.code);
    found.set(message.code, {
      code: message.code,
      subject: message.subject,
      cause: visible(withoutSecrets(message.cause(match, about))),
      mend: message.mend(match, about).map((one) => visible(one)),
      ...(last !== undefined && { place: visible(last) }),
      line: shownLine(line),
      times: (known?.times ?? 0) + 1,
      general: message.general === true,
    });
  }
  return [...found.values()]
    .sort((one, other) => Number(one.general) - Number(other.general))
    .map(({ general: _, ...one }) => one);
}
