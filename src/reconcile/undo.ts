// The steps back: how each is done, and what would take it back in turn.
import { dirname } from 'node:path';
import { restartDocker } from '../dockerd/daemon.ts';
import {
  inspect,
  removeContainer,
  renameContainer,
  startContainer,
  stopContainer,
} from '../engines/containers.ts';
import * as images from '../engines/images/store.ts';
import type { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { scriptProcess } from '../host/service-manager.ts';
import { undoAccount, userIds } from '../resources/account.ts';
import { undoProcess } from '../resources/background-process.ts';
import { ownContainer, putContainerBack, setAsideName } from '../resources/container.ts';
import { daemonJsonLeft, inverseDaemonJson, undoDaemonJson } from '../resources/daemon-json.ts';
import { engineLeft, undoEngine } from '../resources/docker-service.ts';
import { inverseFirewall, ruleLeft, undoFirewall } from '../resources/firewall.ts';
import { lineLeft, undoLine } from '../resources/hosts.ts';
import { loginLeft, undoLogin } from '../resources/login.ts';
import { packageLeft, undoPackage } from '../resources/package.ts';
import { ownerLeft, undoOwner } from '../resources/storage-owner.ts';
import { sweep } from '../resources/sweep.ts';
import { switchTimer, unitPaths } from '../resources/timer.ts';
import { updateStore } from '../resources/trust.ts';
import type { Undo, UndoStep, Vault } from '../resources/undo.ts';
import { isSomebodys, switchUnit, unitPath } from '../resources/unit.ts';

/** Does one step. Twice is as good as once: a run that was killed while it rolled back is rolled back again. */
export async function perform(step: UndoStep, host: Host): Promise<void> {
  switch (step.do) {
    case 'restore': {
      const content = await host.read(step.copy);
      if (!content) throw new Error(`the copy ${step.copy} of ${step.path} is gone`);
      // Nothing to write: a disk that is full stopped the run before it came to this file.
      if (await isAlready(step, content, host)) return;
      if (!(await host.stat(dirname(step.path)))) await host.mkdir(dirname(step.path), 0o755);
      return host.write(step.path, content, step);
    }
    case 'remove':
      return (await isSomebodys(step.path, host)) ? undefined : host.remove(step.path);
    case 'rmdir':
      return void (await host.rmdir(step.path));
    case 'chmod': {
      if (!(await host.stat(step.path))) await host.mkdir(step.path, step.mode);
      return host.chmod(step.path, step.mode, step);
    }
    case 'container':
      return putContainerBack(step, host);
    case 'start':
      return void (await startContainer(host, step.id, step.engine));
    case 'discard': {
      const kept = step.unless === undefined ? undefined : await inspect(host, step.unless, step.engine);
      if (kept?.id !== step.id) await removeContainer(host, step.id, step.engine);
      return;
    }
    case 'image':
      return images.removeImage(host, step.ref, step.engine);
    case 'package':
      return undoPackage(step, host);
    case 'engine':
      return undoEngine(step, host);
    case 'account':
      return undoAccount(step, host);
    case 'owner':
      return undoOwner(step, host);
    case 'unit':
      return switchUnit(host, step);
    case 'process':
      return undoProcess(step, host);
    case 'testImage':
      return sweep(step, host);
    case 'removeTree':
      return host.removeTree(step.path);
    case 'rename':
      return (await host.stat(step.from)) ? host.rename(step.from, step.to) : undefined;
    case 'timer':
      return switchTimer(host, step, step.on);
    case 'daemonJson':
      return undoDaemonJson(step, host);
    case 'trustStore':
      return updateStore(host, step.store, true);
    case 'restart':
      return restartDocker(host, step.daemon);
    case 'line':
      return undoLine(step, host);
    case 'firewall':
      return undoFirewall(step, host);
    case 'login':
      return undoLogin(step, host);
  }
}

async function isAlready(
  { path, mode, uid, gid }: UndoStep & { do: 'restore' },
  content: Buffer,
  host: Host,
) {
  const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
  if (there?.mode !== mode || there.uid !== uid || there.gid !== gid) return false;
  return bytes?.equals(content) === true;
}

/** Does a step; one that fails does not stop the others: it is told of in `failures`. */
export async function attempt(title: string, step: UndoStep, host: Host, failures: string[]): Promise<void> {
  try {
    await perform(step, host);
  } catch (error) {
    const { message, why } = error as CliError;
    failures.push(`${title}: ${message}${why ? ` ${why}` : ''}`);
  }
}

/** The file is there, and nobody has put another in its place. */
const isLeft = async (path: string, host: Host) =>
  (await host.stat(path)) !== undefined && !(await isSomebodys(path, host));

/** True when the step would change something: a thing of ownContainer that is there still. */
export async function wouldChange(step: UndoStep, host: Host): Promise<boolean> {
  switch (step.do) {
    case 'remove':
      return isLeft(step.path, host);
    case 'rmdir':
    case 'removeTree':
      return (await host.stat(step.path)) !== undefined;
    case 'timer':
      return (await host.stat(unitPaths(step).timer)) !== undefined;
    case 'container':
      return (await ownContainer(step, host)) !== undefined;
    case 'image':
      return (await images.imageId(host, step.ref, step.engine)) !== undefined;
    case 'package':
      return packageLeft(step, host);
    case 'engine':
      return engineLeft(step, host);
    case 'account':
      return (await userIds(host, step.name)) !== undefined;
    case 'owner':
      return ownerLeft(step, host);
    case 'unit':
      return isLeft(unitPath(step), host);
    case 'process':
      return (await scriptProcess(host, step.script)) !== undefined;
    case 'trustStore':
      // It goes with its file.
      return false;
    case 'daemonJson':
      return daemonJsonLeft(step, host);
    case 'line':
      return lineLeft(step, host);
    case 'firewall':
      return ruleLeft(step, host);
    case 'login':
      return loginLeft(step, host);
    default:
      return true;
  }
}

/** It goes when the run is over: with the container, or the files, that hold on to it. */
const atTheEnd = (step: UndoStep): boolean =>
  step.do === 'image' ||
  step.do === 'account' ||
  step.do === 'engine' ||
  ('engine' in step && step.do === 'package');

/** What takes a step back again: uninstall and the removal of a part that is no longer wanted can fail half-way, too. */
export async function inverse(step: UndoStep, host: Host, vault: Vault): Promise<Undo> {
  if (step.do === 'container') {
    const there = await ownContainer(step, host);
    if (!there) return { steps: [] };
    const { id, name, owner, running } = there;
    const by = step.engine && { engine: step.engine };
    return {
      steps: [{ do: 'container', name, owner, former: { id, running }, ...by }],
      last: running ? [{ do: 'start', id, ...by }] : [],
      cleanup: [{ do: 'discard', id, ...by }],
    };
  }
  if (atTheEnd(step)) return { steps: [], cleanup: [step] };
  if (step.do === 'owner') {
    const { uid, gid } = (await host.stat(step.path)) ?? step;
    return { steps: [{ ...step, uid, gid }] };
  }
  if (step.do === 'process') {
    const there = await scriptProcess(host, step.script);
    return { steps: [], last: there ? [{ ...step, digest: there.digest }] : [] };
  }
  if (step.do === 'unit')
    return { steps: [], last: (await isLeft(unitPath(step), host)) ? [{ ...step, on: !step.on }] : [] };
  if (step.do === 'removeTree') {
    const { path } = step;
    const aside = `${path}${ASIDE}`;
    return {
      steps: [{ do: 'rename', from: aside, to: path }],
      cleanup: [{ do: 'removeTree', path: aside }],
    };
  }
  if (step.do === 'timer') return { steps: [{ ...step, on: !step.on }] };
  // After everything else is back, whichever way that was.
  if (step.do === 'restart' || step.do === 'trustStore') return { steps: [], last: [step] };
  if (step.do === 'daemonJson') return { steps: await inverseDaemonJson(step, host, vault) };
  if (step.do === 'firewall') return { steps: [await inverseFirewall(step, host)] };
  if (!('path' in step)) return { steps: [] };
  const { path } = step;
  const there = await host.stat(path);
  if (!there) return { steps: [] };
  const { mode, uid, gid } = there;
  // A directory may hold the lock, or what is set aside: it is tried again when the run is over.
  if (there.type === 'dir')
    return {
      steps: [{ do: 'chmod', path, mode, uid, gid }],
      cleanup: step.do === 'rmdir' ? [step] : [],
    };
  const bytes = await host.read(path);
  return bytes
    ? { steps: [{ do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid }] }
    : { steps: [] };
}

/** What a directory is called until the run that takes it away is over. */
const ASIDE = '.going';

/** A step on the way out: what cannot be made again is set aside and not yet removed, so that there is a way back until the run is over. */
export async function performReversibly(step: UndoStep, host: Host): Promise<void> {
  if (atTheEnd(step)) return;
  if (step.do === 'removeTree')
    return (await host.stat(step.path)) ? host.rename(step.path, `${step.path}${ASIDE}`) : undefined;
  if (step.do !== 'container' || step.former) return perform(step, host);
  const there = await ownContainer(step, host);
  if (!there) return;
  if (there.running) await stopContainer(host, there.id, step.engine);
  await renameContainer(host, there.id, setAsideName(step.name, there.id), step.engine);
}
