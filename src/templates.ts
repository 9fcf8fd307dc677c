// Reads YAML with line and column in its errors, and writes it by filling valid templates. The only file that imports yaml.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import { CliError } from './errors.ts';
import { PACKAGE } from './package.ts';

const FOLDER = new URL('templates/', PACKAGE);
const LINES = { lineWidth: 0, flowCollectionPadding: false };

export type Value = string | number | boolean | Value[] | { [key: string]: Value };

/**
 * Parses YAML that a user wrote.
 * @param where how errors name the text
 * @throws CliError (exit 2) with line and column
 */
export function readYaml(text: string, where: string): unknown {
  const document = parseDocument(text, { lineCounter: new LineCounter(), prettyErrors: true });
  const [error] = document.errors;
  if (!error) {
    try {
      return document.toJS();
    } catch (problem) {
      // An alias (`*name`) without its anchor, or too many of them: toJS finds these.
      throw new CliError(`${where}: ${(problem as Error).message}.`, { exitCode: 2 });
    }
  }
  const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 };
  const [reason = ''] = error.message.split(/ at line \d+/);
  throw new CliError(`${where}, line ${line}, column ${col}: ${reason}.`, { exitCode: 2 });
}

/** Returns the text of a template. @param name a file of templates/ */
export const templateText = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

/**
 * Returns a template with those of its sections that its use needs: each from a line `#<NAME` to the line `#>` of the same depth. The
 * lines that mark them go.
 * @throws Error for a section that nobody knows
 */
export function keepSections(text: string, kept: Record<string, boolean>): string {
  const open: boolean[] = [];
  const lines = text.split('\n').filter((line) => {
    const [, begins, ends] = /^\s*#(?:<(\w+)|(>))$/.exec(line) ?? [];
    if (begins !== undefined) {
      const keeps = kept[begins];
      if (keeps === undefined) throw new Error(`no section ${begins}`);
      open.push(keeps);
    }
    if (ends) open.pop();
    return begins === undefined && !ends && open.every(Boolean);
  });
  return lines.join('\n');
}

/**
 * Fills a template with values; its comments and order stay.
 * @param name a file of templates/
 * @param values by dotted paths, such as `http.secret`; undefined removes the key
 */
export function fillTemplate(name: string, values: Record<string, Value | undefined>): string {
  const document = parseDocument(templateText(name));
  for (const [path, value] of Object.entries(values)) {
    const keys = path.split('.');
    if (value === undefined) document.deleteIn(keys);
    else document.setIn(keys, document.createNode(value));
  }
  return document.toString(LINES);
}

/**
 * Returns the text of a settings file with other values. Keeps the user's comments and order, and all of it if no value differs.
 * @param text the present text; undefined for the template
 */
export function editSettings(text: string | undefined, values: Record<string, Value>): string {
  const start = text ?? templateText('settings.yml');
  const document = parseDocument(start);
  const before = (document.toJS() ?? {}) as Record<string, Value>;
  const same = (key: string) => JSON.stringify(before[key]) === JSON.stringify(values[key]);
  const keys = new Set([...Object.keys(before), ...Object.keys(values)]);
  const changed = [...keys].filter((key) => !same(key));
  if (text !== undefined && changed.length === 0) return text;
  if (document.contents === null) {
    const lines = parseDocument('');
    lines.contents = lines.createNode(values) as never;
    return `${start.trimEnd()}\n${lines.toString(LINES)}`;
  }
  for (const key of changed) {
    const value = values[key];
    if (value === undefined) document.delete(key);
    else document.set(key, document.createNode(value));
  }
  return document.toString(LINES);
}

/** Returns a text with some keys as they are in another text. Its other keys, its comments and its order stay. */
export function withKeys(text: string, made: string, keys: string[]): string {
  const document = parseDocument(text);
  const other = parseDocument(made);
  for (const key of keys) {
    const value = other.get(key, true);
    if (value === undefined) document.delete(key);
    else document.set(key, value);
  }
  return document.toString(LINES);
}

/** Returns a short digest (32 hex digits) of content; a service's label holds that of what it was started with. */
export const digestOf = (...parts: string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
