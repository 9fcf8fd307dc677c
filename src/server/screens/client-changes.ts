// Tells what clients must do after a change on the server, if anything.
import { join } from 'node:path';
import type { Site } from '../../certificates/site.ts';
import { splitPem } from '../../certificates/split.ts';
import type { Host } from '../../host/host.ts';
import { addressedBy, publicAddress } from '../../settings/public-address.ts';
import { readersOf } from '../../settings/readers.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Facts } from '../plan/facts.ts';

/** What clients know of the registry since the last run. */
export interface Former {
  auth: string;
  address: string;
  tls: boolean;
  /** The certificates that clients trust, PEM. */
  roots: string[];
}

/** Reads what clients know of the registry before anything changes; undefined if there is no registry yet. */
export async function formerTrust(facts: Facts, host: Host, dir: string): Promise<Former | undefined> {
  const { last } = facts;
  if (!last?.host || !last.port) return undefined;
  const text = (await host.read(join(dir, 'certs/ca.crt')))?.toString() ?? '';
  const { name, tls } = publicAddress(addressedBy((word) => last[word]?.value));
  return { auth: String(last.auth?.value ?? 'none'), address: name, tls, roots: splitPem(text) };
}

/** Returns the line about users who lose their limit to pulls: only token mode has roles. */
function readersNews(former: Former, settings: Settings): string[] {
  const names = readersOf(settings).map(({ name }) => name);
  if (former.auth !== 'token' || settings.auth !== 'htpasswd' || names.length === 0) return [];
  return [
    `${names.join(', ')} could only pull until now; with htpasswd everybody who logs in may also push.`,
  ];
}

/** Returns the lines for the administrator of the clients; empty if no client must do anything. */
export function clientNews(former: Former | undefined, settings: Settings, site: Site | undefined): string[] {
  if (!former) return [];
  const { name: at, tls } = publicAddress(settings);
  const news: string[] = [];
  if (former.address !== at)
    news.push(`Clients use ${at} now, not ${former.address}: they tag their images and log in again.`);
  if (former.tls && !tls)
    news.push(
      `Every client must allow plain HTTP now: "insecure-registries": ["${at}"] in daemon.json.`,
      `With --client: first registry-setup --client --host ${former.address} --undo, then the line for developer machines.`,
    );
  if (!former.tls && tls)
    news.push(
      `Every client must take "${former.address}" out of insecure-registries in daemon.json (leave []), reload, and trust the certificate.`,
    );
  // Behind a proxy clients see the certificate of that.
  const shown = settings.externalUrl === undefined ? site : undefined;
  const known =
    shown &&
    (shown.publicCa || former.roots.some((root) => shown.roots.some((now) => now.trim() === root.trim())));
  if (former.tls && shown && !known)
    news.push('Every client must be given the new certificate: the former one is no longer served.');
  if (former.auth === 'none' && settings.auth !== 'none')
    news.push(`Every client must log in: docker login ${at}`);
  news.push(...readersNews(former, settings));
  return news.map((line) => `  ${line}`);
}
