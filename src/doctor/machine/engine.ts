// What is wrong with the machine itself, whatever it is for.
// Checks the engine that the command lines reach: whether it is that of this machine, runs, and speaks the same version of the API.
import { dockerLead, podmanLead } from '../../engines/remote.ts';
import { systemctl } from '../../host/systemd.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { dockerds, has, trouble } from '../found.ts';

async function elsewhere(input: CheckInput): Promise<Trouble[]> {
  const { host, env } = input.context;
  const [docker, podman] = await Promise.all([has(input, 'docker'), has(input, 'podman')]);
  const found = {
    docker: docker ? await dockerLead(host, env) : undefined,
    podman: podman ? podmanLead(env) : undefined,
  };
  return Object.entries(found).flatMap(([program, lead]) =>
    lead
      ? [
          trouble(
            'engine-elsewhere',
            `${program} works on another machine: ${lead.what}. The files of this machine count for nothing there.`,
            {
              severity: 'risk',
              mend: [lead.fix],
            },
          ),
        ]
      : [],
  );
}

/** What a command line says whose version of the API the engine does not know. (github.com/moby/moby, api/server/middleware/version.go) */
const VERSIONS = /client version [\d.]+ is too (?:new|old)\. .*API version is ([\d.]+)/;

async function versions(input: CheckInput): Promise<Trouble[]> {
  const { host, env } = input.context;
  if (!(await has(input, 'docker'))) return [];
  const { code, stderr } = await host
    .run('docker', ['version', '--format', '{{.Server.APIVersion}}'], { timeout: 10_000 })
    .catch(() => ({ code: 0, stderr: '' }));
  const [evidence, theirs] = VERSIONS.exec(stderr) ?? [];
  if (code === 0 || evidence === undefined) return [];
  const mend = env.DOCKER_API_VERSION
    ? ['unset DOCKER_API_VERSION']
    : [
        `For this shell:   export DOCKER_API_VERSION=${theirs}`,
        'For good: the same version of docker and dockerd, from the same packages',
      ];
  return [
    trouble('api-version', 'The docker command and dockerd are too far apart to speak to each other.', {
      mend,
      evidence,
    }),
  ];
}

const LOG_LINE = /level=(?:fatal|error)|failed to start daemon|unable to configure|invalid character/i;

async function stopped(input: CheckInput): Promise<Trouble[]> {
  const { host, env } = input.context;
  if (await dockerLead(host, env)) return [];
  const down = (await dockerds(input)).find(({ daemon, info }) => !info && daemon.uid === 0);
  if (!down || host.machine.uid !== 0) return [];
  const { unit } = down.daemon;
  const wanted = async (...words: string[]) => (await systemctl(host, {}, ...words, unit)).stdout.trim();
  const [enabled, state] = await Promise.all([wanted('is-enabled'), wanted('is-active')]);
  // Nobody misses a Docker that was switched off.
  const used = input.server?.settings.engine === 'docker' || state === 'failed' || enabled === 'enabled';
  if (!used || state === 'activating') return [];
  if (state === 'active')
    return [
      trouble('engine-hangs', 'Docker runs, and does not answer.', {
        mend: [`journalctl -u ${unit} -n 50`, `systemctl restart ${unit}`],
      }),
    ];
  const { stdout } = await host.run('journalctl', ['-u', unit, '-n', '60', '-o', 'cat', '--no-pager'], {
    timeout: 5_000,
  });
  const evidence = stdout.split('\n').findLast((line) => LOG_LINE.test(line));
  return [
    trouble('engine-stopped', 'Docker does not run.', {
      mend: [
        `systemctl reset-failed ${unit} && systemctl start ${unit}`,
        `If it ends again, why:   journalctl -u ${unit} -n 50`,
      ],
      evidence,
    }),
  ];
}

/** Reports an engine that does not run, is another machine's, or is too old for its command line. */
export const engine: Check = {
  code: 'engine',
  subject: 'machine',
  title: 'the engine is that of this machine, and answers',
  on: 'both',
  look: async (input) => (await Promise.all([elsewhere(input), versions(input), stopped(input)])).flat(),
};
