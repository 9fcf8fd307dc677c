// What takes root and is not ours to do as this user: the exact commands, each with sudo by itself.
import type { Host } from '../host/host.ts';
import type { Change } from '../reconcile/reconcile.ts';
import { removal } from '../reconcile/removal.ts';
import { providerOf } from '../resources/resource.ts';
import type { Person } from './target.ts';

/** Where a change is made; undefined: not in a file. */
function placeOf({ resource }: Change): string | undefined {
  if (resource.kind !== 'removal') return providerOf(resource).place?.(resource);
  return resource.of.id.startsWith('/') ? resource.of.id : undefined;
}

/** Whether root alone may make it. */
export function needsRoot(change: Change, { uid, home }: Person): boolean {
  const place = placeOf(change);
  return (
    uid !== 0 && Boolean(place) && !place?.startsWith(`${home}/`) && !place?.startsWith(`/run/user/${uid}/`)
  );
}

/** The commands for one change; they leave mode and owner of what is there. */
export async function pasteLines({ resource, drift }: Change, host: Host): Promise<string[]> {
  if (resource.kind === 'removal') return removal.byHand(resource, host);
  const lines = await providerOf(resource).byHand?.(resource, host);
  return lines ?? drift.details.map((line) => `# ${line}`);
}
