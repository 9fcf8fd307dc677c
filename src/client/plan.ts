// From what is to be trusted to the resources of a developer machine.
import { dirname } from 'node:path';
import type { Credentials, Endpoint } from '../registry/http.ts';
import type { Resource } from '../resources/resource.ts';
import type { Found } from './discover.ts';
import type { Wish } from './options.ts';
import { doneTitle } from './screens.ts';
import type { Target, TargetName, Trust } from './target.ts';

export interface Joining {
  wish: Wish;
  found: Found;
  trust: Trust;
  targets: Target[];
  credentials: Credentials | undefined;
  /** Where the ways back are. */
  base: string;
  blocked: Map<TargetName, string>;
  /** Paths that are there by our own doing, for other registries. */
  made: Set<string>;
  /** The hosts line, when one is needed. */
  hosts: Resource[];
}

/** The registry, as one who trusts it now. */
export function trusted({ at }: Found, trust: Trust): Endpoint {
  if (trust.kind === 'roots') return { ...at, ca: trust.roots.map(String) };
  return trust.kind === 'public' && trust.bundle ? { ...at, ca: [trust.bundle] } : at;
}

function loginResource(
  { login }: Target,
  { name }: Wish,
  { user, password }: Credentials,
  made: Set<string>,
): Resource[] {
  if (!login) return [];
  const ours = [login.file, dirname(login.file)].filter((path) => made.has(path));
  return [
    { kind: 'login', registry: name, user, password, ...login, ...(ours.length > 0 && { made: ours }) },
  ];
}

/** A part of the plan: what belongs together, and how its line reads when it is done. */
interface Part {
  title: string;
  resources: Resource[];
}

/** What should be, on this machine. */
export async function clientPlan({
  wish,
  found,
  trust,
  targets,
  credentials,
  hosts,
  made,
}: Joining): Promise<Part[]> {
  const parts: Part[] =
    hosts.length > 0 ? [{ title: `${wish.host} is in the hosts file`, resources: hosts }] : [];
  for (const target of targets)
    parts.push({ title: doneTitle(target, trust), resources: await target.resources(trust, found) });
  if (!credentials) return parts;
  for (const target of targets) {
    const resources = loginResource(target, wish, credentials, made);
    // Two engines may share one command line, and with it the login.
    const twice = parts.some((part) => JSON.stringify(part.resources) === JSON.stringify(resources));
    const title = `Logged in as ${credentials.user} (${target.login?.tool})`;
    if (resources.length > 0 && !twice) parts.push({ title, resources });
  }
  return parts;
}
