// Looks for what is in the directory before a first set-up, and for containers of this set-up under other names: neither is replaced unseen.
import { join } from 'node:path';
import { inspect, ownedContainers } from '../../engines/containers.ts';
import { readOldest, readUnfinished } from '../../reconcile/journal.ts';
import { everyone } from '../../settings/readers.ts';
import { checkUser } from '../../settings/validation.ts';
import { shellLine } from '../../terminal/shell.ts';
import { authConfigLogins, authConfigPath } from '../auth/docker-auth.ts';
import { GATEWAY_INSIDE } from '../gateway/gateway.ts';
import { INSIDE, namesOf } from '../plan/container.ts';
import { programOf } from './engine.ts';
import { type Check, fail } from './finding.ts';

/** Returns the names in an htpasswd file, whatever their hashes: the registry reads only those of bcrypt. */
const namesIn = (text: string): string[] =>
  text.split(/\r?\n/).flatMap((line) => /^\s*([^#:\s][^:]*):/.exec(line)?.[1] ?? []);

/** Refuses a first set-up that would drop users who are in the directory already, as of a registry that was made by hand. */
export const formerUsers: Check = async (settings, { last }, host) => {
  const { dir, auth } = settings;
  if (last || auth === 'none' || (await readUnfinished(host, dir))) return [];
  const file = join(dir, 'auth/htpasswd');
  const [htpasswd, tokenLogins] = await Promise.all([host.read(file), authConfigLogins(host, dir)]);
  const wanted = everyone(settings);
  const lacking = (names: string[]) => [...new Set(names)].filter((name) => !wanted.includes(name));
  const inFile = lacking(namesIn(htpasswd?.toString() ?? ''));
  const inToken = lacking(tokenLogins.map(({ name }) => name).filter((name) => !checkUser(name)));
  const all = [...new Set([...inFile, ...inToken])];
  if (all.length === 0) return [];
  const places = [...(inFile.length > 0 ? [file] : []), ...(inToken.length > 0 ? [authConfigPath(dir)] : [])];
  const keepable = all.filter((name) => !checkUser(name));
  const users = [...settings.users, ...keepable].flatMap((name) => ['--user', name]);
  const [first, ...rest] = users;
  const fix = [
    ...(keepable.length > 0
      ? [`Keep them, with their passwords:   ${shellLine(first as string, rest)}`]
      : []),
    'Or put their file aside, and they cannot log in any more:',
    ...places.map((path) => `  ${shellLine('mv', [path, `${path}.before`])}`),
  ];
  const who = all.length > 1 ? `users ${all.join(', ')}` : `user ${all[0]}`;
  return fail(`${places.join(' and ')} has the ${who}, who could not log in any more.`, fix, {
    why: 'It was there before this set-up.',
    flag: '--user',
  });
};

/** Refuses to work beside a container of this set-up that somebody has renamed: it holds the port, and would go on serving. */
export const renamed: Check = async (settings, facts, host) => {
  const { dir, name } = settings;
  const program = programOf(facts);
  if (!program || (await readUnfinished(host, dir))) return [];
  const containers = (await ownedContainers(host, program)).filter(({ owner }) => owner === dir);
  const oldest = [...(await readOldest(host, dir)).values()];
  const former = facts.last?.name?.value;
  const known = new Set([
    ...[name, ...(typeof former === 'string' ? [former] : [])].flatMap((base) =>
      Object.values(namesOf({ name: base })),
    ),
    ...oldest.flatMap(({ key }) => (key.kind === 'container' ? key.id : [])),
  ]);
  const strange = containers.filter((container) => !known.has(container.name));
  const found = await Promise.all(
    strange.map(async (container) => {
      const there = await inspect(host, container.name, program);
      if (!there) return [];
      const sees = (path: string) => there.mounts.some(({ target }) => target === path);
      const { registry, auth, gateway } = namesOf({ name });
      const was = sees(INSIDE.data) ? registry : sees(GATEWAY_INSIDE) ? gateway : auth;
      const fix = containers.some((other) => other.name === was)
        ? `Remove it:              ${shellLine(program, ['rm', '-f', container.name])}`
        : `Give it its name back:  ${shellLine(program, ['rename', container.name, was])}`;
      return fail(
        `The container "${container.name}" is of this registry, under a name that no set-up gave it.`,
        [fix],
      );
    }),
  );
  return found.flat();
};
