// Finds the images that an upgrade would bring, as far as they are known without a network: for the menu, which must not wait.
import { inspect } from '../../../engines/containers.ts';
import { imageId } from '../../../engines/images/store.ts';
import type { Host } from '../../../host/host.ts';
import type { Settings } from '../../../settings/settings.ts';
import { authName } from '../../auth/docker-auth.ts';
import { formerImages } from '../../notes.ts';
import { ROLES, type Role, wantedOf } from './wanted.ts';

/**
 * Returns the names of newer images: that of the registry that follows, or one that leads to another image by now than to what runs.
 * A registry without an engine gets its program from a file, of which nothing is known.
 */
export async function knownUpgrades(host: Host, settings: Settings): Promise<string[]> {
  const { engine } = settings;
  if (engine === 'native') return [];
  const former = await formerImages(host, settings.dir);
  const wanted = wantedOf(settings, {});
  const isKnown = async (role: Role, ref: string): Promise<boolean> => {
    const [name, now] =
      role === 'registry' ? [settings.name, settings.image] : [authName(settings), settings.authImage];
    const [there, id] = await Promise.all([inspect(host, name, engine), imageId(host, ref, engine)]);
    // What does not run is started first; the way back is no upgrade.
    if (!there?.running || former.includes(ref)) return false;
    return id === undefined ? ref !== now : id !== there.imageId;
  };
  const found = await Promise.all(
    ROLES.map(async (role) => {
      const ref = wanted[role];
      return ref !== undefined && (await isKnown(role, ref)) ? [ref] : [];
    }),
  );
  return found.flat();
}
