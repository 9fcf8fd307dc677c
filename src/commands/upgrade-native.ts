// An upgrade of a registry that runs without an engine: its program comes from a package of the system, or out of an image.
import { resolve } from 'node:path';
import { type Context, isOn } from '../context.ts';
import { programDigest } from '../engines/images/program.ts';
import { type NativeInfo, registryVersion } from '../engines/native.ts';
import { CliError, InputError } from '../errors.ts';
import { scriptFiles, scriptPath } from '../host/service-manager.ts';
import { systemctlLine } from '../host/systemd.ts';
import { carried } from '../program/bundled.ts';
import { changed } from '../reconcile/dry-run.ts';
import { loadExisting } from '../server/existing.ts';
import { heldIn } from '../server/maintenance/upgrade/fetch.ts';
import { imageText, type Upgrade } from '../server/maintenance/upgrade/judge.ts';
import { type Found, lookAtProgram, swapProgram } from '../server/maintenance/upgrade/native.ts';
import { schemaOne } from '../server/maintenance/upgrade/schema-1.ts';
import { majorOf, wantedOf } from '../server/maintenance/upgrade/wanted.ts';
import type { ServerRequest } from '../server/request.ts';
import { commandLine } from '../terminal/command.ts';
import { shellLine } from '../terminal/shell.ts';
import { consentTo } from './upgrade-consent.ts';

/** Upgrades by the program in a file of images; without one, says whose work it is. */
export async function upgradeNative(context: Context, now: ServerRequest): Promise<void> {
  const { answers, host, output } = context;
  const { settings } = now;
  const { binary, fromImage } = now.engine as NativeInfo;
  const authImage = answers['auth-image'];
  if (authImage)
    throw new InputError([{ where: authImage.where, message: 'this registry has no docker_auth' }]);
  const file = answers['image-archive'];
  const archive = file ? resolve(String(file.value)) : carried()?.file;
  if (answers.image && archive === undefined)
    throw new InputError([
      {
        where: answers.image.where,
        message: 'there is no container engine that could pull it',
        fix: commandLine('upgrade --image-archive FILE'),
      },
    ]);
  const { version } = await registryVersion(host, binary);
  if (archive === undefined)
    return byHand(context, {
      binary,
      version,
      fromImage: fromImage === true,
      restart: restartLine(now),
    });
  const wish = { image: answers.image && String(answers.image.value), held: await heldIn(host, archive) };
  const ref = wantedOf(settings, wish).registry ?? settings.image;
  if (isOn(context, 'dry-run')) {
    output.json({ ok: true, dryRun: true, registry: { program: binary, version }, image: ref, archive });
    return output.out(
      `  registry ${version} (${binary}) runs. This would try the program of ${ref} in ${archive}, if it is another one.`,
      'Nothing was changed.',
    );
  }
  const found = await lookAtProgram(context, settings.dir, { ref, archive });
  if (found.sha256 === (await programDigest(host, binary))) {
    output.json({ ok: true, upgraded: false, registry: { program: binary, version } });
    return output.say(`registry ${version} runs, and the program of ${ref} is the same one.`);
  }
  const upgrade = upgradeTo(found, { binary, version });
  const toThree = upgrade.from.major === 2 && upgrade.to.major !== 2;
  const old = toThree ? await schemaOne(host, settings.storage) : [];
  await consentTo(context, settings, [upgrade], old);
  const request = await loadExisting(context, { image: { value: ref, where: archive } });
  const outcome = await swapProgram(context, request, { upgrade, found, old });
  output.json({
    ok: true,
    upgraded: true,
    from: { registry: { program: binary, version } },
    to: { registry: { image: ref, version: found.version } },
    changed: changed(outcome.changes),
    ...(toThree && { schema1: old }),
  });
  output.say(
    '',
    `  ${imageText(upgrade.to)} runs in the place of registry ${version}.`,
    `  To go back:   ${commandLine('upgrade --image-archive FILE')}      with an image of registry ${version}`,
  );
}

/** @throws CliError (exit 2) if the program in the image is no registry, or does not run here */
function upgradeTo(
  found: Found,
  { binary, version }: { binary: string; version: string | undefined },
): Upgrade {
  const { ref, why } = found;
  if (found.version === undefined)
    throw new CliError(`The program in the image ${ref} is not a registry, or does not run here.`, {
      why,
      exitCode: 2,
    });
  const plain = { created: '', architecture: '', id: found.sha256 };
  return {
    role: 'registry',
    from: { ...plain, ref: binary, version, major: majorOf(version), variables: [] },
    to: {
      ...plain,
      role: 'registry',
      ref,
      fresh: false,
      version: found.version,
      major: majorOf(found.version),
    },
  };
}

interface ByHand {
  binary: string;
  version: string | undefined;
  fromImage: boolean;
  /** The command that starts the registry again. */
  restart: string;
}

/** Returns the command that starts a registry again without an engine. */
function restartLine({ settings, engine }: ServerRequest): string {
  const { serviceManager } = engine as NativeInfo;
  const own = { own: serviceManager === 'own systemd' };
  if (serviceManager !== 'script') return systemctlLine(own, 'restart', settings.name).join(' ');
  return `kill $(${shellLine('cat', [scriptFiles(scriptPath(settings)).pid])}); ${commandLine('--yes')}`;
}

/** Says how a program is upgraded that this program did not bring. */
function byHand({ output }: Context, { binary, version, fromImage, restart }: ByHand): void {
  output.json({ ok: true, upgraded: false, registry: { program: binary, version } });
  output.say(
    `registry ${version} runs as a program of this machine: ${binary}.`,
    ...(fromImage
      ? []
      : [
          '  It is upgraded as the rest of the machine is, by its packages. Then it starts again with:',
          `    ${restart}`,
        ]),
    `  To run the one of an image:   ${commandLine('upgrade --image-archive registry.tar')}`,
    '  (where there is network:      docker pull registry:3 && docker save -o registry.tar registry:3)',
  );
}
