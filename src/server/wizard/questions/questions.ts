// Lists the questions of the wizard on a server, in the order in which they are asked.
import { tls } from './encryption.ts';
import { ui } from './front.ts';
import { anonymousPull, auth, authPort, readers, users } from './login.ts';
import { hostsLine, openPort } from './network.ts';
import { host, port, storage } from './place.ts';
import type { Asking, Question } from './question.ts';

export const QUESTIONS: Question[] = [
  host,
  port,
  storage,
  auth,
  users,
  readers,
  anonymousPull,
  ui,
  authPort,
  tls,
  openPort,
  hostsLine,
];

/** Asks every question that makes sense and has no answer yet. */
export async function askMissing(asking: Asking): Promise<void> {
  for (const question of QUESTIONS) {
    // A registry that is here has been asked before: its review offers them.
    const isOver = question.optional && asking.facts.last !== undefined;
    if (!isOver && asking.answers[question.flag] === undefined && (await question.when(asking)))
      await question.ask(asking);
  }
}
