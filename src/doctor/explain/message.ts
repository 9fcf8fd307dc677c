// What famous messages mean: one table, one file a subject. This file defines a row, and what it may use of the message.
import { commandLine } from '../../terminal/command.ts';
import { shellLine } from '../../terminal/shell.ts';
import type { Subject } from '../check.ts';

/** The registry that is on this machine, as far as advice depends on it. */
export interface OwnRegistry {
  address: string;
  tls: boolean;
  auth: 'none' | 'htpasswd' | 'token';
  /** Its directory, if the user named one. */
  dir: string | undefined;
  /** The command that shows its log. */
  log: string;
}

/** One message that is known. Patterns are linear: no part of one repeats what repeats. */
export interface Message {
  code: string;
  subject: Subject;
  pattern: RegExp;
  /** What else the line must be about. */
  when?(line: string): boolean;
  /** @returns what it means, one sentence */
  cause(found: RegExpExecArray, line: string): string;
  /** @returns what helps, line by line: a command, or words that end in one */
  mend(found: RegExpExecArray, line: string, own: OwnRegistry | undefined): string[];
}

const HOST = String.raw`(?:\[[0-9a-f:]{2,45}\]|[a-z0-9][a-z0-9._-]{0,252})`;
const PLACES = [
  new RegExp(String.raw`https?://(${HOST}(?::\d{1,5})?)/`, 'i'),
  new RegExp(String.raw`\bdial tcp (${HOST}:\d{1,5})`, 'i'),
  new RegExp(String.raw`\b(${HOST}:\d{1,5})/`, 'i'),
  new RegExp(String.raw`\blookup (${HOST})`, 'i'),
  new RegExp(String.raw`\bhost: (${HOST})`, 'i'),
];

/** Returns the registry that a message is about, as images name it: `10.0.3.17:5000`; undefined if it names none. */
export function placeIn(line: string): string | undefined {
  for (const pattern of PLACES) {
    const found = pattern.exec(line)?.[1];
    if (found) return found.toLowerCase();
  }
  return undefined;
}

/** Returns the registry of a message in words. */
export const placeOr = (line: string, words = 'The registry'): string => placeIn(line) ?? words;

/** Tells whether a message is about Docker Hub. */
export const isDockerHub = (line: string): boolean =>
  /\b(?:registry-1|auth|index|hub|production\.cloudflare)\.docker\.(?:io|com)\b/i.test(line);

const split = (place: string): [host: string, port: string] => {
  const found = /^(.+?)(?::(\d+))?$/.exec(place);
  return [found?.[1] ?? place, found?.[2] ?? '443'];
};

/** Returns the line that makes a developer machine trust the registry of a message. */
export function joinLine(line: string, scheme = ''): string {
  const place = placeIn(line);
  if (!place) return 'npx registry-setup --client';
  const [host, port] = split(place);
  return `npx ${shellLine('registry-setup', ['--client', '--host', `${scheme}${host}`, '--port', port])}`;
}

/** Returns the line for the server of the registry: the command if it is this machine, else words that say where to run it. */
export const onServer = (own: OwnRegistry | undefined, words: string): string =>
  own
    ? commandLine([words, own.dir ? shellLine('--dir', [own.dir]) : ''].filter(Boolean).join(' '))
    : `on the registry's server:   registry-setup ${words}`;

/** Returns the line that shows what a registry says of itself, from any machine. */
export const askLine = (line: string, scheme = 'https'): string =>
  `curl -v ${scheme}://${placeIn(line) ?? 'HOST:PORT'}/v2/`;
