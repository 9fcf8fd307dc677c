// The key of a resource in the journal.
import type { Program } from '../settings/settings.ts';

/** Identifies a resource among all others on a machine. */
export interface Key {
  kind: string;
  id: string;
  /** The engine that the resource belongs to; Docker by default. */
  engine?: Program;
  /** Only uninstall removes the resource. */
  kept?: true;
}

const KEPT = 'kept:';

/** Returns a key as text, for a Map: `file:/opt/registry/settings.yml`, `podman container:registry`, `kept:package:docker.io`. */
export const textOfKey = ({ kind, id, engine, kept }: Key): string =>
  `${kept ? KEPT : ''}${engine && engine !== 'docker' ? `${engine} ` : ''}${kind}:${id}`;

/**
 * Reads a key from a file of the time when keys were text.
 * `kept:engine` had no id, and a file that only uninstall removes was `kept:/path`.
 */
export function keyOfText(text: string): Key {
  const kept = text.startsWith(KEPT);
  const rest = kept ? text.slice(KEPT.length) : text;
  if (kept && rest.startsWith('/')) return { kind: 'file', id: rest, kept };
  const at = rest.includes(':') ? rest.indexOf(':') : rest.length;
  const words = rest.slice(0, at).split(' ');
  const [kind = '', engine] = words.toReversed();
  return {
    kind,
    id: rest.slice(at + 1),
    ...(engine === 'podman' && { engine }),
    ...(kept && { kept }),
  };
}
