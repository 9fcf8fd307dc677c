// Reads the last lines of the registry, of docker_auth and of dockerd, and explains those that are known.
import { lastLines } from '../engines/engine.ts';
import type { Host } from '../host/host.ts';
import { hasSystemd } from '../host/systemd.ts';
import { authName } from '../server/auth/docker-auth.ts';
import type { Check, CheckInput, Subject, Trouble } from './check.ts';
import { type Explained, explain } from './explain/explain.ts';
import { ownRegistryOf } from './input.ts';

/** How many of the last lines are read. */
const LINES = 2_000;
/** How far back is looked: what is older has been seen, or does not happen any more; milliseconds. */
const DAY = 24 * 60 * 60 * 1_000;

/** Messages that a healthy registry writes, too: a client without its password, a name that is not there. */
const EVERYDAY = [
  'wrong-password',
  'not-there',
  'no-login',
  'no-right',
  'parts-missing',
  'cut-off',
  'hub-name',
  // dockerd tries TLS first, also with a registry that it may use without: the probe of the connection knows better.
  'http-to-https',
];

const troubleOf = ({ code, cause, mend, line, times }: Explained): Trouble => ({
  code,
  severity: 'risk',
  cause: times > 1 ? `${cause} (${times} times in the log)` : cause,
  mend,
  evidence: line,
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

/** What the registry does not log for each request of a client: its warnings and errors. (distribution, configuration.md, "log") */
const isSerious = (line: string) =>
  /level=(?:warning|error|fatal|panic)|^panic:|^fatal|configuration error/i.test(line);

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
    if (server?.settings.auth !== 'token') return [];
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
    const asked = new Set(input.registries.map(({ address }) => address));
    // What it says of other registries is not what is looked at here.
    return explained(input, lines, ({ place, subject, code }) =>
      place ? asked.has(place) : ABOUT_DOCKER.includes(subject) && code !== 'server-error',
    );
  },
};

export const LOGS: Check[] = [registryLog, authLog, dockerLog];
