// `registry-setup image list [PATTERN]`: the repositories with their tags, or the tags of one.
import { type Context, isOn } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { readerOf } from '../../images/contents.ts';
import { type Inventory, repositoriesOf, takeStock } from '../../images/inventory.ts';
import { missingImage } from '../../images/missing.ts';
import { isPattern, type Pattern, readPattern, readReference } from '../../images/pattern.ts';
import { listLines, tagLines, totalLine } from '../../images/screens.ts';
import type { Session } from '../../registry/session.ts';
import { countNow, keepCounts } from '../../server/counts.ts';
import { note } from '../../server/notes.ts';
import { nearest } from '../../settings/nearest.ts';
import { imageCommand } from '../../terminal/command.ts';
import { progressLine } from '../../terminal/progress-line.ts';
import { type Chosen, withRegistry } from './registry.ts';

export const list = (context: Context): Promise<void> =>
  withRegistry(context, (chosen) => show(context, chosen));

/** How long the log of the registry may be read for `status`, beside the list; milliseconds. */
const PATIENCE_FOR_COUNTS = 5_000;

async function show(context: Context, { session, own }: Chosen): Promise<void> {
  const { output, operands, host } = context;
  const [word] = operands;
  const pattern = word === undefined ? undefined : readPattern(word, session.name);
  const reader = readerOf(session);
  const names = await repositoriesOf(reader, pattern);
  if (word !== undefined && names.length === 0) throw await nothingFound(session, word);
  const progress = progressLine(output, 'tags');
  const all = own && word === undefined ? own.settings : undefined;
  const [stock, counts] = await Promise.all([
    takeStock(reader, names, pattern, progress.show).finally(progress.end),
    all && countNow(context, all, PATIENCE_FOR_COUNTS),
  ]);
  // Repositories without a tag that matches are not what was asked for.
  if (pattern?.hasTag) stock.repositories = stock.repositories.filter(({ tags }) => tags.length > 0);
  const { repositories, bytes } = stock;
  if (pattern && repositories.length === 0) throw await noSuchTag(session, pattern);
  const tags = repositories.flatMap((one) => one.tags).length;
  if (all && counts) {
    const counted = { at: new Date().toISOString(), repositories: repositories.length, tags, bytes };
    await note(host, all.dir, { counted });
    await keepCounts(context, all, counts);
  }
  output.json({
    ok: true,
    registry: session.name,
    repositories: repositories.map(asJson),
    total: { repositories: repositories.length, tags, bytes },
  });
  if (repositories.length === 0) return output.say(`${session.name} holds no images.`);
  output.out(...lines(context, stock, pattern));
  output.say('', totalLine(stock));
}

function lines(context: Context, stock: Inventory, pattern: Pattern | undefined): string[] {
  const full = isOn(context, 'full');
  const [only, ...more] = stock.repositories;
  const now = new Date();
  const single = pattern && !isPattern(pattern.text) && only && more.length === 0;
  return single
    ? tagLines(only, full, process.stdout.columns ?? Number.POSITIVE_INFINITY, now)
    : listLines(stock, full, now);
}

const asJson = ({ name, tags }: Inventory['repositories'][number]) => ({
  name,
  tags: tags.map(({ tag, manifest, description }) => ({
    tag,
    digest: manifest?.digest ?? null,
    type: manifest?.type ?? null,
    bytes: description?.size ?? null,
    platforms: description?.platforms ?? [],
    created: description?.created?.toISOString() ?? null,
  })),
});

/** Returns the error for a tag, or a pattern of tags, that no repository has which is there. */
async function noSuchTag(session: Session, pattern: Pattern): Promise<CliError> {
  const { text } = pattern;
  if (!isPattern(text)) return missingImage(session, readReference(text, session.name));
  return new CliError(`Nothing in ${session.name} matches ${text}.`, {
    fix: `All of them:   ${imageCommand('list')}`,
  });
}

/** Returns the error for a name or a pattern that finds nothing; it names the nearest one. */
async function nothingFound(session: Session, word: string): Promise<CliError> {
  const all = await repositoriesOf(readerOf(session));
  const near = nearest(word, all);
  return new CliError(`${session.name} has no repository ${isPattern(word) ? 'that matches ' : ''}${word}.`, {
    fix: near ? imageCommand(`list ${near}`) : `All of them:   ${imageCommand('list')}`,
  });
}
