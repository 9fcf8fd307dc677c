// Every check of a server and of a client, side by side, and what famous messages mean; one file a subject.
// Defines a check of the doctor, what it looks at and what it finds.
import type { Target } from '../client/target.ts';
import type { Context } from '../context.ts';
import type { Endpoint } from '../registry/http.ts';
import type { ServerRequest } from '../server/request.ts';

/** `broken`: something does not work. `risk`: it works now, and breaks something else or later. */
export type Severity = 'broken' | 'risk';

/** The subjects, in the order in which they are shown. */
export const SUBJECTS = ['connection', 'login', 'files', 'machine'] as const;
export type Subject = (typeof SUBJECTS)[number];

/** One thing that is wrong. */
export interface Trouble {
  /** What it is, stable: tests, `--json` and `--error` tell troubles apart by it. */
  code: string;
  severity: Severity;
  /** One sentence: what is wrong, and where. Cleaned, like all that is shown. */
  cause: string;
  /** The lines that mend it, true where they are pasted. */
  mend: string[];
  /** A line of a log, or an answer, that shows it. Cleaned. */
  evidence?: string;
  /** What `--fix` does; absent if it is not safe without a decision of the user. */
  fix?: Fix;
}

export interface Fix {
  /** `removes "registry-mirror" from /etc/docker/daemon.json` */
  title: string;
  /** Mends it through the one mechanism (journal, way back). @throws CliError if it cannot; then nothing is changed */
  apply(): Promise<void>;
}

/** The registry that is asked: the own one of a server, that of `--host`, or one that this machine has joined. */
export interface Asked {
  /** As clients name it: `10.0.3.17:5000`. */
  address: string;
  at: Endpoint;
}

/** What the checks look at; found out once, before them. */
export interface CheckInput {
  context: Context;
  /** The registry that was set up on this machine; undefined on a client. */
  server: ServerRequest | undefined;
  registries: Asked[];
  /** The programs of this machine that pull images. */
  targets: Target[];
}

export interface Check {
  code: string;
  subject: Subject;
  /** What is checked, in the words of a list: `HTTPS answers with a certificate that clients accept`. */
  title: string;
  /** Where it makes sense. */
  on: 'server' | 'both';
  /** Reads only. Has an end of its own. @returns what is wrong, nothing if all is well */
  look(input: CheckInput): Promise<Trouble[]>;
}
