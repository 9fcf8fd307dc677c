// What a check finds: an error that ends the run, or a warning that does not.
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Facts } from '../plan/facts.ts';

export interface Finding {
  /** A `warning` is shown and does not stop the run. */
  level: 'error' | 'warning';
  message: string;
  why?: string | undefined;
  fix: string[];
  /** The flag whose value is the cause: with it, the finding is bad input. */
  flag?: string;
}

export type Check = (settings: Settings, facts: Facts, host: Host) => Promise<Finding[]>;
export const fail = (message: string, fix: string[], more: Partial<Finding> = {}): Finding[] => [
  { level: 'error', message, fix, ...more },
];
export const warn = (message: string, fix: string[]): Finding[] => [{ level: 'warning', message, fix }];

/** Merges all errors into one; undefined if there is none. Exit 2 if each comes from a value that the user gave, else 1. */
export function findingsError(findings: Finding[]): CliError | undefined {
  const errors = findings.filter(({ level }) => level === 'error');
  const [only] = errors;
  if (!only) return undefined;
  const exitCode = errors.every(({ flag }) => flag) ? 2 : 1;
  if (errors.length === 1) return new CliError(only.message, { why: only.why, fix: only.fix, exitCode });
  return new CliError(errors.map(({ message }) => message).join('\n'), {
    why: errors.flatMap(({ why }) => why ?? []).join('\n') || undefined,
    fix: errors.flatMap(({ message, fix }) => [`${message}`, ...fix.map((line) => `  ${line}`)]),
    exitCode,
  });
}
