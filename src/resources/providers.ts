// The table of all kinds of resources.
import type { Provider, Resource } from '../resource.ts';
import { account } from './account.ts';
import { binary } from './binary.ts';
import { container } from './container.ts';
import { copy } from './copy.ts';
import { daemonJson } from './daemon-json.ts';
import { dir } from './dir.ts';
import { engine } from './engine.ts';
import { file } from './file.ts';
import { firewall } from './firewall.ts';
import { gone } from './gone.ts';
import { hosts } from './hosts.ts';
import { image } from './image.ts';
import { login } from './login.ts';
import { moved } from './moved.ts';
import { owner } from './owner.ts';
import { pack } from './package.ts';
import { background } from './process.ts';
import { program } from './program.ts';
import { timer } from './timer.ts';
import { trust } from './trust.ts';
import { unit } from './unit.ts';

const PROVIDERS: { [K in Resource['kind']]: Provider<Extract<Resource, { kind: K }>> } = {
  dir,
  file,
  program,
  timer,
  package: pack,
  engine,
  account,
  owner,
  unit,
  process: background,
  binary,
  copy,
  image,
  container,
  daemonJson,
  moved,
  trust,
  hosts,
  firewall,
  login,
  gone,
};
export const providerOf = (resource: Resource) => PROVIDERS[resource.kind] as Provider<Resource>;
