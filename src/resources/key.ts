// What a resource is called in the journal.
import type { Program } from '../settings/settings.ts';

/** Tells a resource from all others on a machine. */
export interface Key {
  kind: string;
  id: string;
  /** The engine that it belongs to; docker unless said. */
  engine?: Program;
  /** Only uninstall takes it away. */
  kept?: true;
}

const KEPT = 'kept:';

/** `file:/opt/registry/settings.yml`, `podman container:registry`, `kept:package:docker.io`: for a Map, which compares keys by their text. */
export const textOfKey = ({ kind, id, engine, kept }: Key): string =>
  `${kept ? KEPT : ''}${engine && engine !== 'docker' ? `${engine} ` : ''}${kind}:${id}`;

/**
 * Reads a key as it was written before keys were data.
 * `kept:engine` had no id, and a file that only uninstall takes away was `kept:/path`.
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
