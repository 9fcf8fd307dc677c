// Reads the last lines of the registry, of docker_auth and of dockerd, and explains those that are known.
import { lastLines } from '../engines/engine.ts';
import type { Host } from '../host/host.ts';
import { hasSystemd } from '../host/systemd.ts';
import { authName } from '../server/auth/docker-auth.ts';
import { hasDockerAuth } from '../settings/token-server.ts';
import { count } from '../terminal/output.ts';
import type { Check, CheckInput, Subject, Trouble } from './check.ts';
import { dockerTrusts } from './client/trust.ts';
import { type Explained, explain } from './explain/explain.ts';
import { ownRegistryOf } from './input.ts';

/** How many of the last lines are read. */
const LINES = 2_000;
/** How far back is looked: what is older has been seen, or does not happen any more; milliseconds. */
const DAY = 24 * 60 * 60 * 1_000;

const HOUR = 60 * 60 * 1_000;

/** Messages that a healthy registry writes, too: a client without its password, a name that is not there. */
const EVERYDAY = [
  'wrong-password',
  'not-there',
  'no-login',
  'no-right',
  'parts-missing',
  'cut-off',
  'hub-name',
  'token-invalid',
  'token-expired',
  // dockerd tries TLS first, also with a registry that it may use without: the probe of the connection knows better.
  'http-to-https',
];

/** A time in a line of a log: of logfmt, of the journal, of Go; or that of glog, which has no year. */
const TIMES = [/(\d{4}[-/]\d\d[-/]\d\d)[T ](\d\d:\d\d)/, /^[IWEF](\d{4}) (\d\d:\d\d)/];

/** Returns in words how often a line is in a log, and when last. */
function seen({ line, times }: Explained): string {
  const [, date, time] = TIMES.map((pattern) => pattern.exec(line)).find(Boolean) ?? [];
  const last = date ? `${times > 1 ? 'the last' : 'once'} ${date.replaceAll('/', '-')} ${time}` : '';
  return ['in the log', times > 1 ? count(times, 'time') : '', last].filter(Boolean).join(', ');
}

const troubleOf = (one: Explained): Trouble => ({
  code: one.code,
  severity: 'risk',
  cause: `${one.cause} (${seen(one)})`,
  mend: one.mend,
  evidence: one.line,
});

async function explained(
  input: CheckInput,
  lines: string[],
  isNews: (one: Explained) => boolean = () => true,
): Promise<Trouble[]> {
  const own = await ownRegistryOf(input.context, input.server);
  return explain(lines.join('\n'), own)
    .filter((one) => !EVERYDAY.includes(one.code) && isNews(one))
    .map(troubleOf);
}

/**
 * What the registry does not log for each request of a client: its warnings and errors (distribution, configuration.md, "log"), and
 * why it refuses a token, which it takes for information (registry/auth/token/token.go).
 */
const isSerious = (line: string) =>
  /level=(?:warning|error|fatal|panic)|^panic:|^fatal|configuration error|token (?:signed by|intended for|from) |token not to be used before/i.test(
    line,
  );

/** Tells whether a line is about a client of another machine that does not come through TLS. From this one, checks do that, too. */
const isStranger = ({ machine }: Host) => {
  const own = new Set([...machine.addresses.map(({ address }) => address), '127.0.0.1', '[::1]']);
  return (line: string) => {
    const client = /TLS handshake error from (\S{2,60}):\d{1,5}: /.exec(line)?.[1];
    return client !== undefined && !own.has(client);
  };
};

const registryLog: Check = {
  code: 'registry-log',
  subject: 'machine',
  title: 'the log of the registry',
  on: 'server',
  async look(input) {
    const { server, context } = input;
    if (!server) return [];
    const since = new Date(Date.now() - DAY);
    const lines = await lastLines(context.host, server.settings, { lines: LINES, since });
    // What kept it from starting counts no more when it has started.
    const last = lines.findLastIndex((line) => /msg="listening on /.test(line));
    const stranger = isStranger(context.host);
    return explained(
      input,
      lines.slice(last + 1).filter((line) => isSerious(line) || stranger(line)),
    );
  },
};

const authLog: Check = {
  code: 'auth-log',
  subject: 'login',
  title: 'the log of docker_auth',
  on: 'server',
  async look(input) {
    const { server, context } = input;
    if (!server || !hasDockerAuth(server.settings)) return [];
    const since = new Date(Date.now() - DAY);
    const name = authName(server.settings);
    const lines = await lastLines(context.host, server.settings, { name, lines: LINES, since });
    // glog: E and F begin the lines of errors.
    return explained(
      input,
      lines.filter((line) => /^[EF]\d{4} /.test(line)),
    );
  },
};

/** Subjects of Docker itself, and not of a registry. */
const ABOUT_DOCKER: Subject[] = ['files', 'machine'];

/** What keeps Docker from starting: it counts until it has started. */
const ENDS_START = [
  'flag-conflict',
  'unknown-key',
  'unknown-flag',
  'insecure-entry',
  'broken-daemon-json',
  'docker-job',
];

/** Returns the registries whose certificate Docker accepts now: what it said of them before is mended. */
async function trustedNow(input: CheckInput): Promise<Set<string>> {
  const answers = await Promise.all(
    input.registries.map((registry) => dockerTrusts(input, registry).catch(() => false)),
  );
  return new Set(input.registries.filter((_, index) => answers[index]).map(({ address }) => address));
}

const dockerLog: Check = {
  code: 'docker-log',
  subject: 'files',
  title: 'the log of Docker',
  on: 'both',
  async look(input) {
    const { host } = input.context;
    if (!(await hasSystemd(host))) return [];
    const words = [
      '-u',
      'docker.service',
      '-n',
      String(LINES),
      '--since',
      '-1d',
      '-o',
      'short-iso',
      '--no-pager',
      '-q',
    ];
    const { code, stdout } = await host.run('journalctl', words, { timeout: 10_000, question: true });
    if (code !== 0) return [];
    // What it wrote before its last start counts no more, if it has started since.
    const all = stdout.split('\n');
    const last = all.findLastIndex((line) => /Daemon has completed initialization|API listen on/.test(line));
    const lines = all
      .slice(last + 1)
      .filter((line) => /level=(?:warning|error|fatal)|failed to start|unable to/i.test(line));
    const isYoung = ({ line }: Explained) => {
      const [time = ''] = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]{0,12}(?:Z|[+-]\d\d:?\d\d)/.exec(line) ?? [];
      return Date.now() - Date.parse(time) < HOUR;
    };
    const asked = new Set(input.registries.map(({ address }) => address));
    const trusted = await trustedNow(input);
    // What it says of other registries is not looked at here; and what it said long ago may be mended since.
    return explained(input, lines, (one) => {
      if (ENDS_START.includes(one.code)) return true;
      const isAbout = ABOUT_DOCKER.includes(one.subject)
        ? one.code !== 'server-error'
        : one.place !== undefined &&
          asked.has(one.place) &&
          !(one.code === 'unknown-authority' && trusted.has(one.place));
      return isAbout && isYoung(one);
    });
  },
};

export const LOGS: Check[] = [registryLog, authLog, dockerLog];
