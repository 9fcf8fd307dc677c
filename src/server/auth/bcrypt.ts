// Makes bcrypt hashes and compares with them, in this thread or in one that runs this very file. The only door to bcryptjs.
import { parentPort, Worker, workerData } from 'node:worker_threads';
import bcrypt from 'bcryptjs';

export const { hash, compare } = bcrypt;

/** A password, the hash that its user has already, and the cost of a new one. */
export type Job = [password: string, before: string | undefined, cost: number];

/** Returns a hash for each password: that of before if it fits. */
export async function hashAll(jobs: Job[]): Promise<string[]> {
  const hashes: string[] = [];
  for (const [password, before, cost] of jobs)
    hashes.push(before && (await compare(password, before)) ? before : await hash(password, cost));
  return hashes;
}

/** Does what hashAll does in a thread of its own. @throws Error if the thread cannot run this file, as from TypeScript */
export const hashInThread = (jobs: Job[]): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: { jobs } satisfies Task });
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error('the thread ended')));
  });

interface Task {
  jobs: Job[];
}
const task = workerData as Task | null;
if (parentPort && Array.isArray(task?.jobs)) parentPort.postMessage(await hashAll(task.jobs));
