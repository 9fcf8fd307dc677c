// Says in the user's words why an ACME server issues no certificate, and what to do. Tells the cases apart by the codes of RFC 8555.
import { CliError } from '../../errors.ts';
import { commandLine } from '../../terminal/command.ts';
import { shown } from '../../terminal/visible.ts';
import { NoEnd, NoSuchWay, NotProven } from './order.ts';
import { NotAcme, type Problem, Refused } from './server.ts';

/** What is known on this machine beside what the server says. */
export interface Circumstances {
  /** The server, as a sentence names it: `Let's Encrypt`. */
  who: string;
  /** The address of its directory. */
  server: string;
  /** The program that writes TXT records; undefined: names are proven on port 80. */
  hook: string | undefined;
  /** How often the server fetched a proof from this machine. */
  fetched: number;
  /** Where a name leads, as this machine sees it. */
  leads(name: string): Promise<string | undefined>;
  /** What a firewall of this machine says of port 80; undefined if none is on. */
  openCommand(): Promise<string | undefined>;
}

const HOOK = 'Or prove it by DNS, which needs no port:   --acme-dns-hook PROGRAM';
const STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** Returns the server's own words, its parts below it. */
const wordsOf = ({ detail, parts }: Problem): string =>
  [detail, ...parts.map(({ name, detail: more }) => `${name ? `${name}: ` : ''}${more}`)]
    .filter(Boolean)
    .join('\n');

/** Returns the problem that says most: that of the first name, if the server tells of each name. */
const firstOf = (problem: Problem): Problem => problem.parts.find(({ type }) => type !== '') ?? problem;

/** Returns when to try again: `at 14:30 UTC`, with the day if it is another one. */
function whenText(seconds: number, now = new Date()): string {
  const at = new Date(now.getTime() + seconds * 1000).toISOString();
  const today = at.slice(0, 10) === now.toISOString().slice(0, 10);
  return `${today ? '' : `on ${at.slice(0, 10)} `}at ${at.slice(11, 16)} UTC`;
}

/** Codes of sockets that mean: nobody is there. */
const NOBODY = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ECONNRESET', 'EPIPE'];
const NO_NAME: Record<string, string> = {
  ENOTFOUND: 'its name leads nowhere',
  EAI_AGAIN: 'no name server answers',
};
const UNTRUSTED = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
];

/** Returns the error that the user sees; an error that is the user's already stays as it is. */
export async function inPlainWords(error: unknown, at: Circumstances): Promise<unknown> {
  if (error instanceof CliError) return error;
  if (error instanceof NotProven) return notProven(error, at);
  if (error instanceof NoSuchWay) return noSuchWay(error, at);
  if (error instanceof Refused) return refused(error, at);
  if (error instanceof NoEnd)
    return new CliError(`${at.who} does not come to an end.`, {
      why: error.message,
      fix: 'Try again later.',
    });
  if (error instanceof NotAcme)
    return new CliError(`${at.server} does not answer as an ACME server.`, {
      why: error.message,
      fix: 'The address is that of its directory:   --acme-server URL',
    });
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (UNTRUSTED.includes(code))
    return new CliError(`The certificate of ${at.server} is from a CA that this machine does not know.`, {
      why: message,
      fix: 'Give the root of that CA:   --ca-cert FILE',
    });
  if (NO_NAME[code] || NOBODY.includes(code))
    return new CliError(`${at.who} cannot be reached: ${NO_NAME[code] ?? 'nobody answers'}.`, {
      why: `${message}, ${at.server}`,
      fix: [
        `Is there a way out?   curl -I ${at.server}`,
        'A proxy is taken from HTTPS_PROXY. Without a network, another source of the certificate: --cert FILE --key FILE',
      ],
    });
  // A bug of this program is shown as one; whatever a socket says has a code.
  return code ? new CliError(`${at.who} cannot be asked: ${message}.`) : error;
}

/** Of a name that the server did not find to be ours. */
async function notProven({ identifier, problem }: NotProven, at: Circumstances): Promise<CliError> {
  const { who, hook, fetched } = at;
  const cause = firstOf(problem);
  const name = shown(cause.name ?? identifier);
  const say = (message: string, fix: string[]) => new CliError(message, { why: wordsOf(problem), fix });
  if (cause.type === 'caa')
    return say(`A CAA record in the DNS does not let ${who} issue for ${name}.`, [
      `The record, or that of a domain above:   dig +short CAA ${name}`,
      'Have this CA added to it, or take the CA that it names (--acme-server URL).',
    ]);
  if (hook)
    return say(`${who} does not find the TXT record of ${name} in the DNS.`, [
      `What is there while the hook has set it:   dig +short TXT _acme-challenge.${name}`,
      'Does the hook wait until every name server has the record? It must not end before that.',
    ]);
  if (cause.type === 'dns')
    return say(`${name} does not lead to an address in the DNS that ${who} sees.`, [
      `Give it an A or AAAA record:   dig +short ${name}`,
      HOOK,
    ]);
  const leads = await at.leads(name);
  const where = leads ? `${name} leads to ${leads}, as seen from here.` : `dig +short ${name}`;
  if (fetched > 0)
    return say(`${who} did not get the right answer for ${name}, although it reached this machine.`, [
      'Another machine, or a proxy in front, answers for some of its addresses (an AAAA record of before?).',
      where,
      HOOK,
    ]);
  const open = await at.openCommand();
  if (cause.type === 'connection' || cause.type === 'tls')
    return say(`${who} does not reach port 80 of ${name}.`, [
      where,
      ...(open ? [`A firewall is on here; to open the port:   ${open}`] : []),
      'Port 80 must be open from the internet to this machine: router, cloud rules, firewall.',
      HOOK,
    ]);
  return say(`${who} reaches another machine under the name ${name}.`, [
    where,
    'Let the name, and port 80 of its address, lead to this machine.',
    HOOK,
  ]);
}

function noSuchWay({ identifier, offered }: NoSuchWay, { who, hook }: Circumstances): CliError {
  const name = shown(identifier);
  const ways = offered.map(shown).join(', ');
  return new CliError(
    hook
      ? `${who} does not take a TXT record for ${name}.`
      : `${who} does not take a page on port 80 for ${name}.`,
    {
      why: `It offers: ${ways || 'nothing'}`,
      fix: hook ? 'Leave --acme-dns-hook out.' : 'Prove it by DNS:   --acme-dns-hook PROGRAM',
    },
  );
}

/** Of a request that the server refused. */
function refused({ problem, status, retryAfter }: Refused, at: Circumstances): CliError {
  const { who, server } = at;
  const cause = firstOf(problem);
  const why = wordsOf(problem) || `HTTP ${status}`;
  const name = cause.name ? shown(cause.name) : 'this name';
  const say = (message: string, ...fix: string[]) => new CliError(message, { why, fix });
  switch (cause.type) {
    case 'rateLimited':
      return say(
        `${who} issues no more for now: a limit is reached.`,
        retryAfter === undefined
          ? 'Try again later; its own words say when.'
          : `Try again ${whenText(retryAfter)}.`,
        ...(server.includes('letsencrypt.org') && server !== STAGING
          ? [`To practise without these limits:   --acme-server ${STAGING}`]
          : []),
      );
    case 'caa':
      return say(
        `A CAA record in the DNS does not let ${who} issue for ${name}.`,
        'Have this CA added to it, or take the CA that it names (--acme-server URL).',
      );
    case 'rejectedIdentifier':
    case 'unsupportedIdentifier':
      return say(
        `${who} issues no certificate for ${name}.`,
        `Another name (--host NAME), or a CA of the registry's own:   ${commandLine("--acme ''")}`,
      );
    case 'externalAccountRequired':
      return say(
        `${who} wants an account of its customers.`,
        'Its web page gives an id and a key:   --acme-eab-kid ID --acme-eab-key-file FILE',
      );
    case 'invalidContact':
    case 'unsupportedContact':
      return say(`${who} does not take this mail address.`, 'Another one:   --acme EMAIL');
    case 'userActionRequired':
      return say(`${who} wants something from the owner of the account first.`);
    case 'badCSR':
    case 'badPublicKey':
      return say(`${who} does not take this request.`, 'Another kind of key:   --key-type rsa');
    case 'unauthorized':
      return say(
        `${who} does not let this account order.`,
        'With --acme-eab-kid: are the id and the key those that its web page shows, and unused?',
      );
  }
  if (status >= 500)
    return say(
      `${who} has trouble of its own (HTTP ${status}).`,
      retryAfter === undefined ? 'Try again later.' : `Try again ${whenText(retryAfter)}.`,
    );
  if (cause.type === '' && status === 404)
    return say(
      `${server} is no directory of an ACME server.`,
      'The address is that of its directory:   --acme-server URL',
    );
  return say(`${who} refuses the order.`);
}
