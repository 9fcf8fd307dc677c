// What can be on a machine: one file a kind, with its check, its change and its way back.
// Lists all kinds of resources, in the order of the review. A new kind needs its file, and its line here.
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
import { network } from './network.ts';
import { pack } from './package.ts';
import { program } from './program-copy.ts';
import { binary } from './registry-binary.ts';
import { reload } from './reload.ts';
import { owner } from './storage-owner.ts';
import { timer } from './timer.ts';
import { trust } from './trust.ts';
import { unit } from './unit.ts';

export const PROVIDERS = {
  package: pack,
  engine,
  image,
  dir,
  file,
  program,
  copy,
  binary,
  account,
  network,
  owner,
  container,
  reload,
  unit,
  process: background,
  timer,
  firewall,
  hosts,
  daemonJson,
  moved,
  trust,
  login,
};
