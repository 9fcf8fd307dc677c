// Plans a developer machine: turns the trust and the login into resources.
import { dirname } from 'node:path';
import type { Credentials, Endpoint } from '../registry/http.ts';
import type { Resource } from '../resources/resource.ts';
import type { Found } from './discover.ts';
import type { ClientRequest } from './options.ts';
import { doneTitle } from './screens.ts';
import type { Target, TargetName, Trust } from './target.ts';

export interface JoinInputs {
  request: ClientRequest;
  found: Found;
  trust: Trust;
  targets: Target[];
  credentials: Credentials | undefined;
  /** The directory of the ways back. */
  base: string;
  blocked: Map<TargetName, string>;
  /** Paths that this program made for other registries. */
  made: Set<string>;
  /** The hosts line, if one is needed. */
  hosts: Resource[];
}

/** Returns the registry for a client that has this trust. */
export function trusted({ at }: Found, trust: Trust): Endpoint {
  if (trust.kind === 'roots') return { ...at, ca: trust.roots.map(String) };
  return trust.kind === 'public' && trust.bundle ? { ...at, ca: [trust.bundle] } : at;
}

function loginResource(
  { login }: Target,
  { name }: ClientRequest,
  { user, password }: Credentials,
  made: Set<string>,
): Resource[] {
  if (!login) return [];
  const ours = [login.file, dirname(login.file)].filter((path) => made.has(path));
  return [
    { kind: 'login', registry: name, user, password, ...login, ...(ours.length > 0 && { made: ours }) },
  ];
}

/** A part of the plan: resources that belong together, and the line that reports them as done. */
interface Part {
  title: string;
  resources: Resource[];
}

/** Returns the plan for this machine. Reads only. @throws CliError as Target.resources does */
export async function clientPlan({
  request,
  found,
  trust,
  targets,
  credentials,
  hosts,
  made,
}: JoinInputs): Promise<Part[]> {
  const parts: Part[] =
    hosts.length > 0 ? [{ title: `${request.host} is in the hosts file`, resources: hosts }] : [];
  for (const target of targets)
    parts.push({ title: doneTitle(target, trust), resources: await target.resources(trust, found) });
  if (!credentials) return parts;
  for (const target of targets) {
    const resources = loginResource(target, request, credentials, made);
    // Two engines may share one command line, and with it the login.
    const twice = parts.some((part) => JSON.stringify(part.resources) === JSON.stringify(resources));
    const title = `Logged in as ${credentials.user} (${target.login?.tool})`;
    if (resources.length > 0 && !twice) parts.push({ title, resources });
  }
  return parts;
}
