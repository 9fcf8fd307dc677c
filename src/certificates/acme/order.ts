// Orders a certificate from an ACME server: names, proofs, request, certificate (RFC 8555 7.4).
import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../../terminal/output.ts';
import { shown } from '../../terminal/visible.ts';
import { splitPem } from '../split.ts';
import type { Signer } from './account.ts';
import type { Proof, Prover } from './challenges.ts';
import { thumbprint } from './jws.ts';
import {
  type AcmeServer,
  type Answer,
  jsonOf,
  listIn,
  NotAcme,
  type Problem,
  problemOf,
  Refused,
  secondsOf,
  textIn,
} from './server.ts';

/** The server could not see that a name is ours, or has given the order up. */
export class NotProven extends Error {
  readonly identifier: string;
  readonly problem: Problem;

  constructor(identifier: string, problem: Problem) {
    super(problem.detail);
    this.identifier = identifier;
    this.problem = problem;
  }
}

/** The server offers no such way to prove this name. */
export class NoSuchWay extends Error {
  readonly offered: string[];
  readonly identifier: string;

  constructor(identifier: string, offered: string[]) {
    super(`${identifier} cannot be proven`);
    this.identifier = identifier;
    this.offered = offered;
  }
}

/** The server did not come to an end. */
export class NoEnd extends Error {}

interface Authorization {
  url: string;
  name: string;
  challenge: string;
  proof: Proof;
}

export interface Order {
  names: string[];
  /** The request for the certificate, DER. */
  csr: Buffer;
  prover: Prover;
  /** The id of the certificate that this one takes the place of: such an order counts for no limit. (RFC 9773, 5) */
  replaces?: string | undefined;
  report: Report;
  signal?: AbortSignal | undefined;
}

/** Milliseconds that a server may take to see a proof, or to issue. */
const WITHIN = 3 * 60_000;
/** Seconds between two looks; a server may ask for up to this many. */
const MOST_PAUSE = 15;

/** Asks until a status is not one of these. @throws NoEnd, as AcmeServer.post */
async function until(
  ask: () => Promise<Answer>,
  passing: string[],
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const since = performance.now();
  for (let round = 0; ; round++) {
    const answer = await ask();
    if (!passing.includes(textIn(answer.json, 'status'))) return answer;
    if (performance.now() - since > WITHIN)
      throw new NoEnd(`it still says "${textIn(answer.json, 'status')}" after ${WITHIN / 60_000} minutes`);
    const pause = secondsOf(answer.headers['retry-after']) ?? Math.min(0.25 * (round + 1), 3);
    await sleep(Math.min(pause, MOST_PAUSE) * 1000, undefined, { signal });
  }
}

/** Reads the authorizations of an order, without those that are valid from before. */
async function toProve(
  server: AcmeServer,
  by: Signer,
  urls: unknown[],
  type: Prover['type'],
): Promise<Authorization[]> {
  const found: Authorization[] = [];
  for (const one of urls) {
    const url = String(one);
    const { json } = await server.post(url, undefined, by);
    const name = textIn(jsonOf(json.identifier), 'value');
    const status = textIn(json, 'status');
    if (status === 'valid') continue;
    const offered = listIn(json, 'challenges').map(jsonOf);
    const challenge = offered.find((one) => textIn(one, 'type') === type);
    if (!challenge)
      throw new NoSuchWay(
        name,
        offered.map((one) => textIn(one, 'type')),
      );
    const token = textIn(challenge, 'token');
    // The token becomes a path, and a word in the environment of a hook. (RFC 8555 8.1)
    if (!/^[A-Za-z0-9_-]{1,256}$/.test(token)) throw new NotAcme('its token is none');
    const keyAuthorization = `${token}.${thumbprint(by.keyPem)}`;
    found.push({ url, name, challenge: textIn(challenge, 'url'), proof: { name, token, keyAuthorization } });
  }
  return found;
}

async function prove(server: AcmeServer, by: Signer, order: Order, all: Authorization[]): Promise<void> {
  const { prover, report, signal } = order;
  if (all.length === 0) return;
  report(`proving ${all.map(({ name }) => name).join(', ')}`);
  await prover.begin(all.map(({ proof }) => proof));
  for (const { challenge } of all) await server.post(challenge, {}, by);
  for (const { url, name, challenge } of all) {
    report(`${name} is looked at`);
    const { json } = await until(() => server.post(url, undefined, by), ['pending'], signal);
    if (textIn(json, 'status') === 'valid') continue;
    const failed = listIn(json, 'challenges')
      .map(jsonOf)
      .find((one) => textIn(one, 'url') === challenge);
    throw new NotProven(name, problemOf(jsonOf(failed?.error)));
  }
}

/** Begins an order. A server that no longer knows the certificate that is replaced is asked again without it (RFC 9773, 5). */
async function newOrder(server: AcmeServer, by: Signer, names: string[], replaces: string | undefined) {
  const { newOrder: url, renewalInfo } = server.directory;
  const order = { identifiers: names.map((value) => ({ type: 'dns', value })) };
  if (!replaces || !renewalInfo) return server.post(url, order, by);
  return server.post(url, { ...order, replaces }, by).catch((error) => {
    if (!(error instanceof Refused) || !OF_THE_FORMER.includes(error.problem.type)) throw error;
    return server.post(url, order, by);
  });
}

/** What a server may say of a certificate that it cannot replace. */
const OF_THE_FORMER = ['malformed', 'alreadyReplaced', 'unauthorized', 'serverInternal'];

export interface Issued {
  /** As the server gives it: the certificate, then its issuers. */
  chain: string[];
  /** The TXT records that the hook did not remove. */
  left: string[];
}

/**
 * Orders a certificate, and waits for it.
 * @throws NotProven, NoSuchWay, NoEnd, CliError of the prover, and as AcmeServer.post
 */
export async function orderCertificate(server: AcmeServer, by: Signer, order: Order): Promise<Issued> {
  const { names, csr, prover, replaces, report, signal } = order;
  const first = await newOrder(server, by, names, replaces);
  const url = first.headers.location;
  if (!url) throw new NotAcme('it names no order');
  const urls = listIn(first.json, 'authorizations');
  if (urls.length > 2 * names.length + 2) throw new NotAcme('it wants more proofs than there are names');
  let left: string[] = [];
  try {
    await prove(server, by, order, await toProve(server, by, urls, prover.type));
  } finally {
    left = await prover.end();
  }
  const look = () => server.post(url, undefined, by);
  const ready = await until(look, ['pending'], signal);
  mustBe(['ready'], ready, names);
  report('waiting for the certificate');
  await server.post(textIn(ready.json, 'finalize'), { csr: csr.toString('base64url') }, by);
  const done = await until(look, ['ready', 'processing'], signal);
  mustBe(['valid'], done, names);
  const { body } = await server.post(textIn(done.json, 'certificate'), undefined, by);
  const chain = splitPem(body.toString());
  if (chain.length === 0) throw new NotAcme('it sends no certificate');
  return { chain, left };
}

function mustBe(wanted: string[], { json }: Answer, names: string[]): void {
  const status = textIn(json, 'status');
  if (wanted.includes(status)) return;
  if (status === 'invalid') throw new NotProven(names.join(', '), problemOf(jsonOf(json.error)));
  throw new NotAcme(`it says "${shown(status)}" of an order`);
}
