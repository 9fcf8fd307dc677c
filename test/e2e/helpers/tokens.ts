// What the tests of token mode do with hosts: ask as any client does, with the whole exchange of a token; push in a loop; trust.
import type { Host } from '../../lab/host.ts';
import { until } from './machines.ts';

export const ADMIN = 'admin:correct horse';
export const READER = 'bob:battery staple';
export const SCOPED = 'carol:tree of liberty';
/** Nobody: a token is fetched without a login. */
export const STRANGER = '';

export const password = (who: string) => who.slice(who.indexOf(':') + 1);
/** What --password-stdin is given. */
export const PASSWORDS = [ADMIN, READER, SCOPED].join('\n');

export interface Question {
  /** NAME:PASSWORD, or nobody. */
  who: string;
  /** `GET /v2/…`: asked of the registry, with the token that it wants. */
  call?: string;
  /** Asked of the token server alone; the answer is what it grants of it. */
  scope?: string;
  /** More of the query, or a form instead of a header. */
  query?: string;
  form?: string;
}

/**
 * Asks from a host, in one go.
 * @param at `host:port` of the registry
 * @param ca its certificate; none: plain HTTP
 * @returns a status for a call; for a scope what is granted, such as `pull,push`, or a status
 */
export async function askAll(
  from: Host,
  at: string,
  ca: string,
  asked: Question[],
  authPort = 5001,
): Promise<string[]> {
  await from.write('/tmp/ask.mjs', CLIENT);
  const input = JSON.stringify({ at, ca, asked, authPort });
  return JSON.parse((await from.exec(['node', '/tmp/ask.mjs'], { input })).stdout) as string[];
}

// Written without the program's own code: it is what the program is judged by.
const CLIENT = `
import http from 'node:http';
import https from 'node:https';
import { readFileSync } from 'node:fs';
const { at, ca, asked, authPort } = JSON.parse(readFileSync(0, 'utf8'));
const scheme = ca ? 'https' : 'http';
const send = (method, url, headers = {}, body) => new Promise((done, failed) => {
  const { request } = url.startsWith('https') ? https : http;
  const sent = request(url, { method, headers, agent: false, ...(ca && { ca }) }, (reply) => {
    let text = '';
    reply.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => done({ status: reply.statusCode, headers: reply.headers, text }));
  });
  sent.on('error', failed);
  sent.end(body);
});
const basic = (who) => (who ? { authorization: 'Basic ' + Buffer.from(who).toString('base64') } : {});
async function token(realm, service, scopes, { who, query = '', form }) {
  const search = new URLSearchParams({ service });
  for (const scope of scopes) search.append('scope', scope);
  const more = query && '&' + query;
  if (form === undefined) return send('GET', realm + '?' + search + more, basic(who));
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return send('POST', realm, type, search + '&' + form);
}
async function one(question) {
  const { who, call, scope } = question;
  if (scope) {
    const { status, text } = await token(scheme + '://' + at.replace(/:\\d+$/, ':' + authPort) + '/auth', at, [scope], question);
    if (status !== 200) return String(status);
    const { access } = JSON.parse(Buffer.from(JSON.parse(text).token.split('.')[1], 'base64url'));
    return access.flatMap(({ actions }) => actions).join(',');
  }
  const [method, path] = call.split(' ');
  const url = scheme + '://' + at + path;
  const first = await send(method, url);
  if (first.status !== 401) return String(first.status);
  const challenge = Object.fromEntries([...first.headers['www-authenticate'].matchAll(/(\\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v]));
  const scopes = challenge.scope ? challenge.scope.split(' ') : [];
  const got = await token(challenge.realm, challenge.service, scopes, question);
  if (got.status !== 200) return 'login ' + got.status;
  const { status } = await send(method, url, { authorization: 'Bearer ' + JSON.parse(got.text).token });
  return String(status);
}
console.log(JSON.stringify(await Promise.all(asked.map((question) => one(question).catch((error) => error.code ?? error.message)))));
`;

/** Pushes new images from a client until it is stopped; one that fails is counted, and pushed once more. */
export async function pushLoop(client: Host, name: string) {
  await client.write('/root/push-loop.sh', LOOP);
  await client.sh('rm -f /tmp/loop-*');
  const going = client.exec(['bash', '/root/push-loop.sh', name]);
  await until(client, '[ -s /tmp/loop-done ]', 30);
  return async () => {
    await client.sh('touch /tmp/loop-stop');
    const [done, failed, why] = (await going).stdout.split('\n--\n');
    return { done: Number(done), failed: Number(failed), why: why ?? '' };
  };
}

const LOOP = `
done=0 failed=0
until [ -e /tmp/loop-stop ]; do
  head -c 2000 /dev/urandom >/tmp/loop-content
  tar -C /tmp -cf - loop-content | docker import - $1:$((done + 1)) >/dev/null
  if ! docker push $1:$((done + 1)) >/tmp/loop-said 2>&1; then
    failed=$((failed + 1))
    tail -n 1 /tmp/loop-said >>/tmp/loop-why
    sleep 1
    docker push $1:$((done + 1)) >/dev/null || { echo 'and again' >>/tmp/loop-why; continue; }
  fi
  docker rmi $1:$((done + 1)) >/dev/null
  done=$((done + 1))
  echo $done >/tmp/loop-done
done
printf '%s\\n--\\n%s\\n--\\n' $done $failed
cat /tmp/loop-why 2>/dev/null || true
`;
