// Brings the images of an upgrade here, before anybody is asked: only then it is known whether they are newer. What a name led to is
// put back at once: until the user says yes, no other run may take the new image for what is to run.
import type { Context } from '../../../context.ts';
import { archiveImages } from '../../../engines/images/archive.ts';
import { mayHold } from '../../../engines/images/bundled.ts';
import { pullImage } from '../../../engines/images/pull.ts';
import { fullName } from '../../../engines/images/reference.ts';
import * as images from '../../../engines/images/store.ts';
import { CliError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import { carried } from '../../../program/bundled.ts';
import { runSteps, type Step } from '../../../reconcile/progress.ts';
import { openRun } from '../../../reconcile/recover.ts';
import type { Run } from '../../../reconcile/run.ts';
import type { Program, Settings } from '../../../settings/settings.ts';
import { commandLine } from '../../../terminal/command.ts';
import { FLAG, type PerRole, ROLES, type Role } from './wanted.ts';

/** An image that may take the place of another. */
export interface Candidate {
  role: Role;
  ref: string;
  id: string;
  architecture: string;
  /** An ISO date; '' if the image does not say. */
  created: string;
  /** The name was not known here before: uninstall forgets it. */
  fresh: boolean;
  /** It could not be pulled: the image of that name that was here counts. What the engine says. */
  notPulled?: string;
}

const programOf = ({ engine }: Settings): Program => (engine === 'podman' ? 'podman' : 'docker');

/** Returns the names of the images in a file; those in a bundle are known without reading it. */
export const heldIn = async (host: Host, archive: string): Promise<string[]> => {
  const bundle = carried();
  return archive === bundle?.file ? bundle.about.images : archiveImages(host, archive);
};

/** Writes to the journal what a name leads to. @param mayStay a name that nothing has now may lead somewhere afterwards */
export async function rememberName(
  host: Host,
  run: Run,
  ref: string,
  program: Program,
  mayStay = true,
): Promise<void> {
  const id = await images.imageId(host, ref, program);
  if (id === undefined && mayStay) return;
  const by = program === 'podman' ? { engine: program } : {};
  await run.record(
    { kind: 'tag', id: ref },
    `image ${ref}`,
    { steps: [{ do: 'tag', ref, ...(id && { id }), ...by }] },
    true,
  );
}

/** Returns the candidate as it is here; undefined if no image has that name. */
async function candidateHere(
  host: Host,
  settings: Settings,
  role: Role,
  ref: string,
): Promise<Candidate | undefined> {
  const found = await images.imageFacts(host, ref, programOf(settings));
  return (
    found && {
      role,
      ref,
      id: found.id,
      architecture: found.architecture,
      created: found.created,
      fresh: false,
    }
  );
}

/** Where the images come from. */
interface From {
  /** Undefined: they are pulled. */
  archive: string | undefined;
  /** The images from before the last upgrade: those that are here are the ones to go back to, and not newer ones of that name. */
  former: string[];
}

/**
 * Pulls the images, or loads them from a file, and looks at them.
 * @throws CliError if one of them does not come; as openRun
 */
export async function fetchCandidates(
  context: Context,
  settings: Settings,
  wanted: PerRole<string>,
  { archive, former }: From,
): Promise<Candidate[]> {
  const { host, output, signal, uninterruptible } = context;
  const program = programOf(settings);
  const found: Candidate[] = [];
  const step = (role: Role, ref: string): Step => ({
    title: `Looked at ${ref}`,
    async run(report) {
      const before = await images.imageId(host, ref, program);
      const from = archive !== undefined && mayHold(archive, ref) ? archive : undefined;
      let notPulled: string | undefined;
      const isFormer = before !== undefined && former.includes(ref);
      if (from === undefined && !isFormer)
        await pullImage(host, ref, report, program).catch((error: CliError) => {
          if (before === undefined || signal.aborted) throw notHere(error, role, ref, program);
          notPulled = error.why;
        });
      // podman finds a short name by several long ones: what was pulled has this one.
      const pulled = from === undefined && !isFormer && notPulled === undefined && program === 'podman';
      const now =
        (pulled && (await candidateHere(host, settings, role, fullName(ref)))) ||
        (await candidateHere(host, settings, role, ref));
      if (!now) throw new CliError(`The image ${ref} is not here.`);
      found.push({ ...now, ref, fresh: before === undefined, ...(notPulled !== undefined && { notPulled }) });
      return undefined;
    },
  });
  const run = await openRun(context, settings.dir);
  try {
    const asked = ROLES.flatMap((role) => (wanted[role] ? [[role, wanted[role]] as const] : []));
    for (const [, ref] of asked) await rememberName(host, run, ref, program);
    if (archive !== undefined) await runSteps([await loadStep(host, run, archive, program)], output, signal);
    await runSteps(
      asked.map(([role, ref]) => step(role, ref)),
      output,
      signal,
    );
    return found;
  } finally {
    await run.rollBack(uninterruptible);
    await run.release();
  }
}

/** Returns the step that loads a file; every name in it leads to what it led to before when the run is over. */
async function loadStep(host: Host, run: Run, archive: string, program: Program): Promise<Step> {
  for (const name of await heldIn(host, archive)) await rememberName(host, run, name, program);
  return {
    title: `Loaded ${archive}`,
    async run() {
      await images.loadImage(host, archive, program);
      return undefined;
    },
  };
}

/** Returns the error of a pull with the ways out of an upgrade. */
function notHere({ why = '' }: CliError, role: Role, ref: string, program: Program): CliError {
  if (/no space left on device/i.test(why))
    return new CliError(`There is no room for the image ${ref}.`, {
      why,
      fix: `See what takes it:   ${program} system df`,
    });
  const save = role === 'registry' ? ref : `registry:3 ${ref}`;
  return new CliError(`The image ${ref} could not be pulled.`, {
    why,
    fix: [
      `From a mirror:   ${commandLine(`upgrade ${FLAG[role]} MIRROR/${ref}`)}`,
      `From a file:     docker save -o registry.tar ${save}      where there is network, then here`,
      `                 ${commandLine('upgrade --image-archive registry.tar')}`,
      `From a bundle:   registry-setup bundle registry.run      where there is network, then here`,
      '                 sh registry.run upgrade',
    ],
  });
}
