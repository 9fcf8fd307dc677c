// What famous messages mean: one table, one file a subject. This file defines a row, and what it may use of the message.
import { commandElsewhere } from '../../program/bundled.ts';
import { commandIn, commandLine } from '../../terminal/command.ts';
import { shellLine } from '../../terminal/shell.ts';
import type { Subject } from '../check.ts';

/** The registry that is on this machine, as far as advice depends on it. */
export interface OwnRegistry {
  address: string;
  /** All names and addresses that lead to it, without ports. */
  names: string[];
  ports: number[];
  tls: boolean;
  /** Its directory, if the user named one. */
  dir: string | undefined;
  /** The command that shows its log. */
  log: string;
}

/** What a message is about. */
export interface About {
  line: string;
  /** The registry, as images name it: from the line, from the lines before it, or the one that is here. */
  place: string | undefined;
  /** The registry that the lines before it are about. */
  before: string | undefined;
  /** The registry on this machine, unless the message is about another one. */
  own: OwnRegistry | undefined;
}

/** One message that is known. Patterns are linear: no part of one repeats what repeats. */
export interface Message {
  code: string;
  subject: Subject;
  pattern: RegExp;
  /** What else the message must be about. */
  when?(about: About): boolean;
  /** It says that something failed, and not why: others are told before it. */
  general?: true;
  /** @returns what it means, one sentence */
  cause(found: RegExpExecArray, about: About): string;
  /** @returns what helps, line by line: a command, or words that end in one */
  mend(found: RegExpExecArray, about: About): string[];
}

const HOST = String.raw`(?:\[[0-9a-f:]{2,45}\]|[a-z0-9][a-z0-9._-]{0,252})`;
const AT = String.raw`(${HOST}(?::\d{1,5})?)`;
const PORT = String.raw`(${HOST}:\d{1,5})`;
/** Where a line names a registry, the surest first. */
const PLACES = [
  String.raw`https?://${AT}[/"\s]`,
  String.raw`\bdial tcp ${PORT}`,
  String.raw`\bconnect to ${PORT}`,
  String.raw`(?:\breference "|\brepository \[|docker://)${AT}/`,
  `(?:logging into|creds for) "${AT}"`,
  String.raw`(?:^|[\s"'[(])${PORT}/`,
  String.raw`\blogin\b[^\n]{0,200}\s${PORT}\s*$`,
  String.raw`\blookup (${HOST})`,
  String.raw`\bhost: (${HOST})`,
].map((pattern) => new RegExp(pattern, 'i'));
const TWO_WORDS = new RegExp(String.raw`\bconnect to (${HOST}) port (\d{1,5})`, 'i');

/** Returns the registry that a line is about, as images name it: `10.0.3.17:5000`; undefined if it names none. */
export function placeIn(line: string): string | undefined {
  const [, host, port] = TWO_WORDS.exec(line) ?? [];
  if (host) return `${host}:${port}`.toLowerCase();
  for (const pattern of PLACES) {
    const found = pattern.exec(line)?.[1];
    if (found) return found.toLowerCase();
  }
  return undefined;
}

/** Returns the registry of a message in words. */
export const placeOr = ({ place }: About, words = 'The registry'): string => place ?? words;

const HUB = /(?:^|\.)docker\.(?:io|com)$/;
/** Registries of everybody: what is wrong with the way to them is not wrong with a private one. */
const PUBLIC =
  /(?:^|\.)(?:docker\.(?:io|com)|gcr\.io|pkg\.dev|ghcr\.io|quay\.io|registry\.k8s\.io|mcr\.microsoft\.com|public\.ecr\.aws|aliyuncs\.com|tencentyun\.com|daocloud\.io|myhuaweicloud\.com)$/;

/** Returns the name or address of a place, without its port. */
export const hostOf = (place: string): string => place.replace(/:\d+$/, '');

/** Tells whether a place is the registry of this machine; without a port, a proxy before it may have that of HTTPS. */
export function isOwnPlace(own: OwnRegistry, place: string): boolean {
  const [, port] = /:(\d+)$/.exec(place) ?? [];
  return own.names.includes(hostOf(place)) && (port === undefined || own.ports.includes(Number(port)));
}

export const isDockerHub = ({ place }: Pick<About, 'place'>): boolean =>
  place !== undefined && HUB.test(hostOf(place));
export const isPublic = ({ place }: Pick<About, 'place'>): boolean =>
  place !== undefined && PUBLIC.test(hostOf(place));

/** Returns the line that makes the machine of a message trust its registry and log in to it. */
export function joinLine({ place, own }: About, scheme = '', more: string[] = []): string {
  const port = /:(\d+)$/.exec(place ?? '')?.[1] ?? '443';
  const at = place ? ['--host', `${scheme}${hostOf(place)}`, '--port', port] : ['--host', 'HOST'];
  const words = shellLine('--client', [...at, ...more]);
  return own ? `On that machine: ${commandElsewhere(words)}` : commandLine(words);
}

/** Words of podman, skopeo and buildah, which read other files than Docker. (go.podman.io/image: docker/, copy/) */
const PODMAN =
  /\b(?:initializing source docker:|pinging container registry|trying to reuse blob|(?:logging into|creds for) "|reading manifest \S{1,300} in |checking whether a blob )/;

/** Tells whether a message is one of podman, or of a program that is made of the same parts. */
export const isPodman = ({ line }: Pick<About, 'line'>): boolean => PODMAN.test(line);

/** Returns the line that logs in to the registry of a message, with the program that says it. */
export const loginLine = (about: Pick<About, 'line' | 'place'>): string =>
  shellLine(isPodman(about) ? 'podman' : 'docker', ['login', about.place ?? 'HOST:PORT']);

/** Returns the line for the server of the registry: the command if it is this machine, else words that say where to run it. */
export const onServer = ({ own }: Pick<About, 'own'>, words: string): string =>
  own ? commandIn(own.dir, words) : `${`registry-setup ${words}`.trim()}      (on the server)`;

/** Returns the line that shows what is in the registry of a message. */
export const listLine = ({ place, own }: About): string =>
  own
    ? onServer({ own }, 'image list')
    : commandLine(shellLine('image', ['list', '--host', place ?? 'HOST:PORT']));

/** Returns the line that shows what a registry says of itself, from any machine. */
export const askLine = ({ place }: About, scheme = 'https'): string =>
  shellLine('curl', ['-v', `${scheme}://${place ?? 'HOST:PORT'}/v2/`]);
