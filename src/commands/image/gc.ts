// `registry-setup image gc`: frees what no image needs any more, while nobody can push.
import { type Context, dirOf, isOn } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { applyOrUndo } from '../../reconcile/reconcile.ts';
import { awaitTurn } from '../../reconcile/recover.ts';
import type { Run } from '../../reconcile/run.ts';
import { loadExisting } from '../../server/existing.ts';
import {
  collectStep,
  type Freed,
  findGarbage,
  type Garbage,
  isNothing,
  mustRun,
  PATIENCE,
  type Push,
  QUIET,
  quietStep,
  sizeOf,
  type Whole,
} from '../../server/maintenance/collect.ts';
import { mustBeAlone } from '../../server/maintenance/neighbours.ts';
import { readOnlySteps } from '../../server/maintenance/window.ts';
import { note } from '../../server/notes.ts';
import type { ServerRequest } from '../../server/request.ts';
import { beginWithRoom, keepReserve } from '../../server/reserve.ts';
import { hasGateway } from '../../settings/gateway.ts';
import { imageCommand } from '../../terminal/command.ts';
import { setLastWords } from '../../terminal/last-words.ts';
import { bytes, count, SYMBOL } from '../../terminal/output.ts';
import { agree } from '../consent.ts';
import { guard } from '../guard.ts';
import { ownRegistry } from './registry.ts';

export async function gc(context: Context): Promise<void> {
  const { output, answers } = context;
  if (answers.host)
    throw new CliError('A collection runs on the server of the registry, not from elsewhere.', {
      fix: 'On the server:   registry-setup image gc',
      exitCode: 2,
    });
  await guard(context);
  await awaitTurn(context, dirOf(answers));
  const request = await ownRegistry(context);
  await mustRun(request, context.host);
  await mustBeAlone(context.host, request.settings);
  const untagged = isOn(context, 'untagged')
    ? await (await import('./untagged.ts')).untaggedHere(context, request)
    : [];
  const garbage = await findGarbage(request, context.host);
  if (isNothing(garbage) && untagged.length === 0) {
    output.json({ ok: true, freed: 0, blobs: 0 });
    return output.say('Nothing to free: everything in the storage belongs to an image.');
  }
  output.out(...garbageLines(garbage, untagged.length));
  if (isOn(context, 'dry-run'))
    return output.json({
      ok: true,
      dryRun: true,
      freed: sizeOf(garbage),
      blobs: garbage.blobs.size,
      repositories: garbage.empty,
      untagged: untagged.length,
    });
  output.say(
    '',
    ...(hasGateway(request.settings)
      ? [
          'Pushes are refused meanwhile: Docker with its classic image store tries again for 50 s, its',
          'containerd store and podman give up at once. Nothing restarts.',
        ]
      : ['The registry restarts twice, and refuses pushes in between: they get "405 Method Not Allowed".']),
    `Pulls go on. It begins when nobody has pushed for ${QUIET} s, after ${PATIENCE / 60} minutes at the latest.`,
  );
  await agree(context, 'Free it now?', false);
  const freed = await collect(context, { untagged: isOn(context, 'untagged') });
  output.json({ ok: true, freed: freed.bytes, blobs: freed.blobs, repositories: freed.repositories });
}

function garbageLines(garbage: Garbage, untagged: number): string[] {
  const { blobs, empty, uploads } = garbage;
  const row = (title: string, text: string) => `  ${title.padEnd(12)}${text}`;
  return [
    row(
      'Frees',
      `${bytes(sizeOf(garbage))}: ${count(blobs.size, 'blob')} that no image needs${uploads.length > 0 ? `, ${count(uploads.length, 'upload')} that ${uploads.length === 1 ? 'was' : 'were'} given up` : ''}`,
    ),
    ...(untagged > 0
      ? [
          row(
            'Removes',
            `${count(untagged, 'manifest')} that no tag leads to, and frees what nothing else needs`,
          ),
        ]
      : []),
    ...empty.map((name, i) => row(i === 0 ? 'Forgets' : '', `${name}, which holds nothing`)),
  ];
}

interface What {
  whole?: Whole | undefined;
  /** Removes first what no tag leads to. */
  untagged?: boolean;
}

const NONE: Whole = { names: [], since: new Date(0) };

/** Removes what no tag leads to, if that was asked for. Returns undefined if there is nothing to free. */
async function prepared(context: Context, run: Run, { whole = NONE, untagged }: What) {
  const request = await loadExisting(context);
  await mustRun(request, context.host);
  await mustBeAlone(context.host, request.settings);
  if (untagged) await (await import('./untagged.ts')).removeUntagged(context, request, run);
  const found = await findGarbage(request, context.host);
  return whole.names.length === 0 && isNothing(found) ? undefined : { request, found, whole };
}

/** Frees the space, and says how much; restarts nothing if there is nothing to free. @throws as applyOrUndo */
export async function collect(context: Context, what: What = {}): Promise<Freed> {
  const { host, output, signal, uninterruptible } = context;
  const dir = dirOf(context.answers);
  const run = await beginWithRoom(context, dir);
  let freed: Freed = { blobs: 0, bytes: 0, repositories: [], stay: [] };
  let cut: Push[] = [];
  let settings: ServerRequest['settings'];
  try {
    // Another run may have freed it while this one waited: a look costs less than two restarts.
    const work = await prepared(context, run, what).catch(async (error) => {
      await run.rollBack(uninterruptible);
      throw error;
    });
    if (!work) {
      await run.rollBack(uninterruptible);
      return freed;
    }
    const { request, found, whole } = work;
    settings = request.settings;
    await applyOrUndo({
      steps: [
        quietStep(request, context, (pushes) => {
          cut = pushes;
        }),
      ],
      afterwards: readOnlySteps(request, context, run, [
        collectStep(request, host, whole, found, (done) => {
          freed = done;
        }),
      ]),
      run,
      output,
      signal,
      uninterruptible,
    });
  } finally {
    setLastWords([]);
    await run.release();
  }
  await keepReserve(uninterruptible, dir);
  await note(uninterruptible, settings.dir, {
    collected: { at: new Date().toISOString(), bytes: freed.bytes },
  });
  const who = cut.map(({ repository, from }) => `${repository}${from ? ` (from ${from})` : ''}`);
  if (who.length > 0)
    output.say(
      `${output.paint('yellow', SYMBOL.warning)} These pushes were cut off, and must be repeated: ${[...new Set(who)].join(', ')}.`,
    );
  if (freed.stay.length > 0)
    output.say(`${freed.stay.join(', ')}: somebody has pushed there meanwhile, so it stays.`);
  if (freed.repositories.length > 0) output.say(`Gone from the list: ${freed.repositories.join(', ')}.`);
  output.say(
    `Freed ${bytes(freed.bytes)}: ${count(freed.blobs, 'blob')}.`,
    `What is left:   ${imageCommand('list')}`,
  );
  return freed;
}
