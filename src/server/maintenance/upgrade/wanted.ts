// Upgrades: a newer image, tried beside the one that runs before it takes its place.
// Decides which image an upgrade is about; without a look at the machine.
import { plainName } from '../../../engines/images/reference.ts';
import type { Settings } from '../../../settings/settings.ts';
import { hasDockerAuth } from '../../../settings/token-server.ts';

/** What an image is for. */
export type Role = 'registry' | 'auth';
/** By what it is for. */
export type PerRole<T> = Partial<Record<Role, T>>;

export const ROLES: readonly Role[] = ['registry', 'auth'];
export const TITLE: Record<Role, string> = { registry: 'registry', auth: 'docker_auth' };
export const FLAG: Record<Role, '--image' | '--auth-image'> = { registry: '--image', auth: '--auth-image' };

/** Ends the name under which the image from before an upgrade stays here. */
const BEFORE = /-before-[0-9a-f]{8}$/;

const REGISTRY_2 = /^((?:.*\/)?registry):2(?:\.\d+)*$/;

/** Returns the name of the image that follows: `registry:3` for `registry:2`; else the same name, which may lead to a newer image. */
export const nextOf = (ref: string): string => ref.replace(BEFORE, '').replace(REGISTRY_2, '$1:3');

/** Returns the name under which an image stays whose own name leads to another one by now. */
export function beforeName(ref: string, id: string): string {
  const tagged = /:[^/@]+$/.test(ref) ? ref : `${ref}:latest`;
  return `${tagged.replace(/@.*$/, '').replace(BEFORE, '')}-before-${id.replace(/^sha256:/, '').slice(0, 8)}`;
}

/** What the user names, and what a file of images holds. */
interface Wish {
  image?: string | undefined;
  authImage?: string | undefined;
  /** The names of the images in a file; undefined without one. */
  held?: string[] | undefined;
}

/**
 * Returns the image for each role that the upgrade is about: the one that the user names, the one in the file, else the next one.
 * A role that the user does not name while naming another is left as it is.
 */
export function wantedOf(
  settings: Pick<Settings, 'image' | 'authImage' | 'auth' | 'tokenRealm'>,
  wish: Wish,
): PerRole<string> {
  const { held } = wish;
  const { image: now, authImage } = settings;
  const token = hasDockerAuth(settings);
  const named = wish.image !== undefined || wish.authImage !== undefined;
  if (named)
    return { ...(wish.image && { registry: wish.image }), ...(wish.authImage && { auth: wish.authImage }) };
  if (!held) return { registry: nextOf(now), ...(token && { auth: nextOf(authImage) }) };
  const same = (ref: string) => held.find((name) => plainName(name) === plainName(ref));
  const like = (pattern: RegExp) => held.find((name) => pattern.test(name));
  const forAuth = token ? (same(authImage) ?? like(/docker_auth/)) : undefined;
  const forRegistry =
    same(nextOf(now)) ?? like(/(^|\/)registry:/) ?? same(now) ?? held.find((name) => name !== forAuth);
  return { ...(forRegistry && { registry: forRegistry }), ...(forAuth && { auth: forAuth }) };
}

/** Returns `3` of `3.1.1`. */
export const majorOf = (version: string | undefined): number | undefined =>
  version === undefined ? undefined : Number.parseInt(version, 10) || undefined;
