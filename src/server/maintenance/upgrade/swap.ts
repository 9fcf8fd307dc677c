// Puts the new images in the place of the old ones: as a re-run with other settings does, with the trial before and a look after it.
import type { Context } from '../../../context.ts';
import * as images from '../../../engines/images/store.ts';
import { CliError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import { paths } from '../../../reconcile/journal.ts';
import type { Run } from '../../../reconcile/run.ts';
import { wayBackOfFile } from '../../../resources/provider.ts';
import type { Program, Settings } from '../../../settings/settings.ts';
import { commandLine } from '../../../terminal/command.ts';
import { type Notes, note } from '../../notes.ts';
import type { Outcome, ServerRequest } from '../../request.ts';
import { carryOut } from '../../run.ts';
import { rememberName } from './fetch.ts';
import type { Upgrade } from './judge.ts';
import { afterSwap, containersBeside, type Proof, trialStep } from './prove.ts';
import type { Running } from './running.ts';
import { beforeName, type PerRole } from './wanted.ts';

/** The names under which the images from before an upgrade stay here. */
export type Former = NonNullable<Notes['upgraded']>['from'];

export interface Swap {
  running: PerRole<Running>;
  upgrades: Upgrade[];
  /** What the notes say after it. */
  from: Former;
  /** Images that the new registry cannot serve. */
  old: string[];
  /** The registry goes from 2 to 3. */
  toThree: boolean;
}

/** Returns the names under which the images from before stay: their own, unless these lead elsewhere after the upgrade. */
export async function formerNames(host: Host, settings: Settings, upgrades: Upgrade[]): Promise<Former> {
  const program: Program = settings.engine === 'podman' ? 'podman' : 'docker';
  const named = await Promise.all(
    upgrades.map(async ({ role, from, to }) => {
      const { ref, id, version } = from;
      const own = ref !== to.ref && (await images.imageId(host, ref, program)) === id;
      return [role, { image: own ? ref : beforeName(ref, id), ...(version && { version }) }] as const;
    }),
  );
  return Object.fromEntries(named);
}

/** Carries an upgrade out. @throws as carryOut */
export function swap(context: Context, request: ServerRequest, of: Swap): Promise<Outcome> {
  const { host } = context;
  const { settings } = request;
  const { running, upgrades, from, old, toThree } = of;
  // The trial needs a certificate that is served already.
  if (request.certificates.site?.order)
    throw new CliError('The certificate has to be renewed first.', { fix: commandLine('rotate') });
  const program: Program = settings.engine === 'podman' ? 'podman' : 'docker';
  const by = program === 'podman' ? { engine: program } : {};
  const now = Object.fromEntries(Object.entries(running).map(([role, { id }]) => [role, id]));
  const next = Object.fromEntries(upgrades.map(({ role, to }) => [role, to.id]));
  const unserved = new Set(old);
  const wanted: ServerRequest = {
    ...request,
    former: Object.values(from).flatMap((one) => one?.image ?? []),
    ...(upgrades.some(({ role }) => role === 'registry') && { legacyTokens: toThree }),
  };
  const proof: Proof = {
    request: wanted,
    upgrades,
    images: { ...now, ...next },
    isOld: (name) => unserved.has(name),
    taken: [],
    samples: [],
  };
  const forget = (run: Run, ref: string) =>
    run.record(
      { kind: 'image', id: ref, ...by },
      `image ${ref}`,
      { steps: [{ do: 'image', ref, ...by }] },
      false,
    );
  /** Names that former images were given. */
  const named: string[] = [];
  return carryOut(wanted, context, {
    async first(run) {
      for (const { role, from: former, to } of upgrades) {
        // Before its name leads elsewhere: an image without any name may go.
        const name = from[role]?.image ?? former.ref;
        if ((await images.imageId(host, name, program)) !== former.id) {
          await rememberName(host, run, name, program, false);
          await images.tagImage(host, former.id, name, program);
          named.push(name);
        }
        await rememberName(host, run, to.ref, program);
        if (to.fresh) await forget(run, to.ref);
        if ((await images.imageId(host, to.ref, program)) === to.id) proof.taken.push(to.ref);
        else await images.tagImage(host, to.id, to.ref, program);
      }
    },
    beforeStart: (run) => [trialStep(proof, containersBeside(proof, context), context, run)],
    afterProof: (run) => [
      afterSwap(proof, context, run),
      {
        title: 'The former image stays for the way back',
        async run() {
          for (const name of named) await forget(run, name);
          const { notes } = paths(settings.dir);
          const undo = { steps: [await wayBackOfFile(notes, host, run)] };
          await run.record({ kind: 'file', id: notes }, notes, undo, true);
          await note(host, settings.dir, { upgraded: { at: new Date().toISOString(), from } });
          return undefined;
        },
      },
    ],
  });
}
