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

/** Returns the line as it is shown: of a long one its beginning, which has the time, and what is around the words that are known. */
const shownLine = (line: string, said: string): string => {
  const clean = visible(line.trim());
  if (clean.length <= SHOWN) return clean;
  const at = clean.indexOf(visible(said.slice(0, SHOWN / 2)));
  if (at < SHOWN / 2) return `${clean.slice(0, SHOWN)}…`;
  const rest = clean.slice(at - SHOWN / 3);
  return `${clean.slice(0, SHOWN / 6)} … ${rest.slice(0, (SHOWN * 5) / 6)}${rest.length > (SHOWN * 5) / 6 ? '…' : ''}`;
};

/** Returns what a line says; undefined if nothing known. */
const meaning = (about: About): Message | undefined =>
  MESSAGES.find(({ pattern, when }) => pattern.test(about.line) && (when?.(about) ?? true));

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
  const found = new Map<
    string,
    { message: Message; about: About; times: number; place: string | undefined }
  >();
  let place: string | undefined;
  for (const line of lines) {
    const before = place;
    // Lines of a log have nothing to do with each other, those of a screen have.
    place = placeIn(line) ?? (STAMP.test(line) ? undefined : place);
    const isOwn = own && (place === undefined || isOwnPlace(own, place));
    const about: About = { line, place: place ?? fallback, before, own: isOwn ? own : undefined };
    const message = meaning(about);
    if (!message) continue;
    const times = (found.get(message.code)?.times ?? 0) + 1;
    found.set(message.code, { message, about, times, place });
  }
  return [...found.values()]
    .sort((one, other) => Number(one.message.general ?? false) - Number(other.message.general ?? false))
    .flatMap(({ message, about, times, place: named }): Explained[] => {
      // What the cause and the advice take from the line has no secrets.
      const line = withoutSecrets(about.line);
      const match = message.pattern.exec(line) ?? message.pattern.exec(about.line);
      if (!match) return [];
      const { code, subject } = message;
      const clean = { ...about, line };
      return [
        {
          code,
          subject,
          cause: visible(message.cause(match, clean)),
          mend: message.mend(match, clean).map((one) => visible(one)),
          ...(named !== undefined && { place: visible(named) }),
          line: shownLine(line, match[0]),
          times,
        },
      ];
    });
}
