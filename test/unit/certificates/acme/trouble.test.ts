// What an ACME server answers when it issues nothing, in its own documents (RFC 8555 6.7), and what the user reads then.
import { expect, test } from 'vitest';
import { NoSuchWay, NotProven } from '../../../../src/certificates/acme/order.ts';
import { NotAcme, problemOf, Refused, secondsOf } from '../../../../src/certificates/acme/server.ts';
import { type Circumstances, inPlainWords } from '../../../../src/certificates/acme/trouble.ts';
import type { CliError } from '../../../../src/errors.ts';
import { errorLines } from '../../../../src/terminal/output.ts';

const HERE: Circumstances = {
  who: "Let's Encrypt",
  server: 'https://acme-v02.api.letsencrypt.org/directory',
  hook: undefined,
  fetched: 0,
  leads: async () => '203.0.113.7',
  openCommand: async () => undefined,
};
const URN = 'urn:ietf:params:acme:error:';
const told = (error: unknown, at: Partial<Circumstances> = {}) =>
  inPlainWords(error, { ...HERE, ...at }) as Promise<CliError>;
const refused = (type: string, detail: string, more: object = {}, status = 403, retryAfter?: number) =>
  new Refused(problemOf({ type: URN + type, detail, ...more }), { status, retryAfter });
const unproven = (type: string, detail = 'its words') =>
  new NotProven('reg.corp.de', problemOf({ type: URN + type, detail }));

const LIMIT =
  'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s';

test.each<[string, Error, Partial<Circumstances>, RegExp, RegExp]>([
  [
    'a limit',
    refused('rateLimited', LIMIT, {}, 429, 3600),
    {},
    /a limit is reached/,
    /Try again .*at \d\d:\d\d UTC\.\n.*staging/,
  ],
  [
    'CAA',
    unproven('caa'),
    {},
    /^A CAA record in the DNS does not let Let's Encrypt issue for reg\.corp\.de/,
    /dig \+short CAA reg\.corp\.de/,
  ],
  ['CAA of an order', refused('caa', 'x'), {}, /^A CAA record/, /--acme-server URL/],
  ['no record', unproven('dns'), {}, /^reg\.corp\.de does not lead to an address/, /A or AAAA record/],
  [
    'port 80 shut',
    unproven('connection'),
    {},
    /does not reach port 80 of reg\.corp\.de/,
    /leads to 203\.0\.113\.7[\s\S]*--acme-dns-hook/,
  ],
  [
    'a firewall here',
    unproven('connection'),
    { openCommand: async () => 'ufw allow 80/tcp' },
    /does not reach port 80/,
    / {3}ufw allow 80\/tcp/,
  ],
  [
    'led elsewhere',
    unproven('unauthorized'),
    {},
    /reaches another machine under the name reg\.corp\.de/,
    /lead to this machine/,
  ],
  [
    'answered by another',
    unproven('unauthorized'),
    { fetched: 1 },
    /although it reached this machine/,
    /AAAA/,
  ],
  [
    'a hook in vain',
    unproven('unauthorized'),
    { hook: '/x' },
    /does not find the TXT record of reg\.corp\.de/,
    /dig \+short TXT _acme-challenge\.reg\.corp\.de/,
  ],
  [
    'no such way',
    new NoSuchWay('reg.corp.de', ['dns-01']),
    {},
    /does not take a page on port 80 for reg\.corp\.de/,
    /--acme-dns-hook PROGRAM/,
  ],
  [
    'a name that it refuses',
    refused('rejectedIdentifier', 'Invalid identifiers', {
      subproblems: [
        { type: `${URN}rejectedIdentifier`, detail: 'no', identifier: { type: 'dns', value: 'b.corp.de' } },
      ],
    }),
    {},
    /issues no certificate for b\.corp\.de/,
    /--host NAME/,
  ],
  [
    'no account of a customer',
    refused('externalAccountRequired', 'x'),
    {},
    /wants an account of its customers/,
    /--acme-eab-kid ID --acme-eab-key-file FILE/,
  ],
  [
    'a mail address',
    refused('invalidContact', 'contact email has forbidden domain "example.com"'),
    {},
    /does not take this mail address/,
    /--acme EMAIL/,
  ],
  ['a kind of key', refused('badCSR', 'x'), {}, /does not take this request/, /--key-type rsa/],
  ['down', refused('serverInternal', 'x', {}, 503), {}, /trouble of its own \(HTTP 503\)/, /Try again later/],
  [
    'no directory',
    new NotAcme('it names no newNonce at https://'),
    {},
    /does not answer as an ACME server/,
    /--acme-server URL/,
  ],
  [
    'nobody there',
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    {},
    /cannot be reached: nobody answers/,
    /HTTPS_PROXY/,
  ],
  [
    'no way out',
    Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }),
    {},
    /its name leads nowhere/,
    /curl -I/,
  ],
  [
    'a root of its own',
    Object.assign(new Error('x'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
    {},
    /from a CA that this machine does not know/,
    /--ca-cert FILE/,
  ],
])('%s', async (_, error, at, message, fix) => {
  const found = await told(error, at);
  expect(found.message).toMatch(message);
  expect(found.fix.join('\n')).toMatch(fix);
});

test('the words of a server are shown, and nothing that a terminal acts on', async () => {
  const error = await told(refused('orderNotReady', 'no\u001b[2J\u202e more'));
  const lines = errorLines(error, false, (_, text) => text).join('\n');
  expect(lines).toContain('no\\u001b[2J\\u202e more');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(lines).not.toMatch(/[\u001b\u202e]/);
});

test('a bug of this program stays one', async () => {
  const bug = new TypeError('x is not a function');
  expect(await told(bug)).toBe(bug);
});

test.each([
  ['120', 120],
  [new Date(Date.now() + 90_000).toUTCString(), 90],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After: %s', (header, seconds) => {
  const found = secondsOf(header);
  if (seconds === undefined) expect(found).toBeUndefined();
  else expect(Math.abs((found ?? -1) - seconds)).toBeLessThanOrEqual(2);
});
