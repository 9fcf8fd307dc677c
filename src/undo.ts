// The steps back: how each is done, and what would take it back in turn.
import { dirname } from 'node:path';
import * as docker from './engines/docker.ts';
import type { Host } from './host.ts';
import type { Undo, UndoStep, Vault } from './resource.ts';
import { setAsideName } from './resources/container.ts';

/** Does one step. Twice is as good as once: a run that was killed while it rolled back is rolled back again. */
export async function perform(step: UndoStep, host: Host): Promise<void> {
  switch (step.do) {
    case 'restore': {
      const content = await host.read(step.copy);
      if (!content) throw new Error(`the copy ${step.copy} of ${step.path} is gone`);
      if (!(await host.stat(dirname(step.path)))) await host.mkdir(dirname(step.path), 0o755);
      return host.write(step.path, content, step);
    }
    case 'remove':
      return host.remove(step.path);
    case 'rmdir':
      return void (await host.rmdir(step.path));
    case 'chmod': {
      if (!(await host.stat(step.path))) await host.mkdir(step.path, step.mode);
      return host.chmod(step.path, step.mode, step);
    }
    case 'container':
      return putContainerBack(step, host);
    case 'start':
      return void (await docker.startContainer(host, step.id));
    case 'discard': {
      if ((await docker.inspect(host, step.unless))?.id !== step.id)
        await docker.removeContainer(host, step.id);
      return;
    }
    case 'image':
      return docker.removeImage(host, step.ref);
  }
}

/** The container that had the name has it again, and one that took it since is gone. By id, so that nothing else can be hit. */
async function putContainerBack({ name, former }: UndoStep & { do: 'container' }, host: Host) {
  const there = await docker.inspect(host, name);
  if (there && there.id !== former?.id) {
    if (there.owner === '') return;
    await docker.removeContainer(host, there.id);
  }
  if (!former) return;
  const before = await docker.inspect(host, former.id);
  if (!before) throw new Error(`the former container ${name} is gone`);
  if (before.name !== name) await docker.renameContainer(host, former.id, name);
  if (before.running && !former.running) await docker.stopContainer(host, former.id);
}

/** True when the step would change something: a thing of ours that is there still. */
export async function wouldChange(step: UndoStep, host: Host): Promise<boolean> {
  switch (step.do) {
    case 'remove':
    case 'rmdir':
      return (await host.stat(step.path)) !== undefined;
    case 'container':
      return (await docker.inspect(host, step.name)) !== undefined;
    case 'image':
      return (await docker.imageId(host, step.ref)) !== undefined;
    default:
      return true;
  }
}

/** What takes a step back again: uninstall and the removal of a part that is no longer wanted can fail half-way, too. */
export async function inverse(step: UndoStep, host: Host, vault: Vault): Promise<Undo> {
  if (step.do === 'container') {
    const there = await docker.inspect(host, step.name);
    if (!there) return { steps: [] };
    const { id, running } = there;
    return {
      steps: [{ do: 'container', name: step.name, former: { id, running } }],
      last: running ? [{ do: 'start', id }] : [],
      cleanup: [{ do: 'discard', id, unless: '' }],
    };
  }
  if (!('path' in step)) return { steps: [] };
  const { path } = step;
  const there = await host.stat(path);
  if (!there) return { steps: [] };
  const { mode, uid, gid } = there;
  if (there.type === 'dir') return { steps: [{ do: 'chmod', path, mode, uid, gid }] };
  const bytes = await host.read(path);
  return bytes
    ? { steps: [{ do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid }] }
    : { steps: [] };
}

/** A step on the way out: a container is set aside and not yet removed, so that there is a way back until the run is over. */
export async function performReversibly(step: UndoStep, host: Host): Promise<void> {
  if (step.do !== 'container' || step.former) return perform(step, host);
  const there = await docker.inspect(host, step.name);
  if (!there) return;
  if (there.running) await docker.stopContainer(host, there.id);
  await docker.renameContainer(host, there.id, setAsideName(step.name, there.id));
}
