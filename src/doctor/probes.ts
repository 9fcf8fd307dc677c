// Every check that looks for itself; the table of the doctor holds these and those that read logs.
import type { Check } from './check.ts';
import { certsD } from './client/certs-d.ts';
import { containerdFiles } from './client/containerd.ts';
import { daemonJson } from './client/daemon-json.ts';
import { encryption } from './client/encryption.ts';
import { entries } from './client/entries.ts';
import { flags } from './client/flags.ts';
import { logins } from './client/logins.ts';
import { mirrors } from './client/mirrors.ts';
import { podmanFiles } from './client/podman.ts';
import { proxy } from './client/proxy.ts';
import { trust } from './client/trust.ts';
import { upload } from './client/upload.ts';
import { certificate } from './connection/certificate.ts';
import { leads } from './connection/leads.ts';
import { reach } from './connection/reach.ts';
import { disks } from './machine/disks.ts';
import { engine } from './machine/engine.ts';
import { protection } from './machine/protection.ts';
import { firewall } from './server/firewall.ts';
import { htpasswd } from './server/htpasswd.ts';
import { renewal } from './server/renewal.ts';
import { rivals, running } from './server/service.ts';
import { plan, tokens, writable } from './server/state.ts';
import { storage } from './server/storage.ts';

export const PROBES: Check[] = [
  reach,
  leads,
  firewall,
  encryption,
  certificate,
  trust,
  proxy,
  upload,
  mirrors,
  logins,
  htpasswd,
  tokens,
  renewal,
  daemonJson,
  entries,
  flags,
  certsD,
  podmanFiles,
  containerdFiles,
  engine,
  running,
  rivals,
  writable,
  plan,
  storage,
  disks,
  protection,
];
