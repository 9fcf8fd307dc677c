// The table of all kinds of resources.
import { gone } from '../reconcile/removal.ts';
import { account } from './account.ts';
import { background } from './background-process.ts';
import { container } from './container.ts';
import { copy } from './copy.ts';
import { daemonJson } from './daemon-json.ts';
import { dir } from './dir.ts';
import { engine } from './docker-service.ts';
import { moved } from './dockerd-flags.ts';
import { file } from './file.ts';
import { firewall } from './firewall.ts';
import { hosts } from './hosts.ts';
import { image } from './image.ts';
import { login } from './login.ts';
import { pack } from './package.ts';
import { program } from './program-copy.ts';
import { binary } from './registry-binary.ts';
import type { Provider, Resource } from './resource.ts';
import { owner } from './storage-owner.ts';
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
