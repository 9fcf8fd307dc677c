// Reads lines of the access log of a registry: Apache's combined format. (distribution, registry/handlers/app.go, CombinedLoggingHandler)

/** A request. */
export interface Access {
  /** Milliseconds. */
  at: number;
  /** The address of the client, without its port. */
  from: string;
  method: string;
  path: string;
  status: number;
  agent: string;
}

const LINE =
  /^(\S+) - \S+ \[([^\]]+)\] "([A-Z]+) (\S+) [^"]*" (\d{3}) \d+(?: "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)")?/;

/** Returns the request that a line tells of; undefined for another line. */
export function accessOf(line: string): Access | undefined {
  const [, from = '', date = '', method = '', path = '', status, agent = ''] = LINE.exec(line) ?? [];
  const at = timeOf(date);
  return at
    ? { at, from: from.replace(/:\d+$/, ''), method, path, status: Number(status), agent }
    : undefined;
}

/** Returns milliseconds from `27/Nov/2026:10:44:00 +0000`; 0 if it is no date. */
const timeOf = (text: string): number => Date.parse(text.replace(/^(\d+)\/(\w+)\/(\d+):/, '$1 $2 $3 ')) || 0;
