// What save, load and copy have in common: Ctrl-C, the line that tells how far it has come, and an image that must be there.
import type { Context } from '../../context.ts';
import { CliError, Interrupted } from '../../errors.ts';
import { missingImage } from '../../images/missing.ts';
import type { SentAlong } from '../../images/transfer/attach.ts';
import { type Attached, nameOfAttached } from '../../images/transfer/attached.ts';
import type { Sent } from '../../images/transfer/copy.ts';
import { reading } from '../../images/transfer/trouble.ts';
import { type Document, documentIn } from '../../images/transfer/whole.ts';
import type { Session } from '../../registry/session.ts';
import { bytes, count } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress-line.ts';
import { visible } from '../../terminal/visible.ts';

/** Does work that Ctrl-C ends at any place. @throws Interrupted in place of what a request then throws */
export async function endsWithSignal<T>({ signal }: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw signal.aborted && !(error instanceof CliError) ? new Interrupted() : error;
  }
}

/** Shows bytes while the work goes on. */
export async function withProgress<T>(
  { output }: Context,
  what: string,
  work: (told: (done: number, of: number) => void) => Promise<T>,
): Promise<T> {
  const line = progressLine(output, what, bytes);
  try {
    return await work(line.show);
  } finally {
    line.end();
  }
}

/**
 * Returns the manifest of an image.
 * @param list as for missingImage
 * @throws CliError if it is not there, or is one that no registry takes any more
 */
export async function foundImage(
  session: Session,
  image: { repository: string; tag?: string | undefined; digest?: string | undefined },
  list?: string,
): Promise<Document> {
  const { repository, tag, digest } = image;
  const reference = digest ?? tag ?? 'latest';
  const top = await reading(session, repository, () => documentIn(session, repository, reference));
  if (!top) throw await missingImage(session, image, 1, list);
  if (top.manifest.kind === 'schema 1')
    throw new CliError(`${repository}:${reference} is an image of the former schema 1.`, {
      why: 'Its digest is that of a signature, and registry 3 does not take it.',
      fix: 'Pull it with an old docker, and push it again with a newer one.',
    });
  return top;
}

/** Returns `3 blobs sent, 12 MB; 2 there already`. */
export function sentText({ blobs, bytes: sum, mounted }: Sent, there: number): string {
  return [
    ...(blobs > 0 ? [`${count(blobs, 'blob')} sent, ${bytes(sum)}`] : ['no blob sent']),
    ...(mounted > 0 ? [`${mounted} taken from another repository`] : []),
    ...(there > 0 ? [`${there} there already`] : []),
  ].join('; ');
}

/** Tells what would go along. */
export const attachedLines = (all: Attached[]): string[] =>
  all.map((one, i) => `  ${(i === 0 ? 'Attached' : '').padEnd(12)}${visible(nameOfAttached(one))}`);

/** Tells what went along: signatures, attestations; and what did not. */
export const alongLines = ({
  attached,
  stay,
}: Pick<SentAlong, 'stay'> & { attached: string[] }): string[] => [
  ...(attached.length > 0 ? [`  Along with it: ${attached.map(visible).join(', ')}`] : []),
  ...stay.map((tag) => `  ${tag} is another one there, and stays.`),
];
