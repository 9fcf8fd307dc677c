// The exact commands for changes that need root if this user is not root, each with its own sudo.
import type { Host } from '../host/host.ts';
import type { Change } from '../reconcile/reconcile.ts';
import { removal } from '../reconcile/removal.ts';
import { providerOf } from '../resources/resource.ts';
import type { Person } from './target.ts';

/** Returns the path of a change; undefined if it is not in a file. */
function placeOf({ resource }: Change): string | undefined {
  if (resource.kind !== 'removal') return providerOf(resource).place?.(resource);
  return resource.of.id.startsWith('/') ? resource.of.id : undefined;
}

/** Tells whether only root may make a change. */
export function needsRoot(change: Change, { uid, home }: Person): boolean {
  const place = placeOf(change);
  return (
    uid !== 0 && Boolean(place) && !place?.startsWith(`${home}/`) && !place?.startsWith(`/run/user/${uid}/`)
  );
}

/** Returns the commands for one change; they keep the mode and owner of an existing file. */
export async function pasteLines({ resource, drift }: Change, host: Host): Promise<string[]> {
  if (resource.kind === 'removal') return removal.byHand(resource, host);
  const lines = await providerOf(resource).byHand?.(resource, host);
  return lines ?? drift.details.map((line) => `# ${line}`);
}
