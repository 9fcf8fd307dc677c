// What the tests do with hosts: put the program on a server, run it, use the registry from a developer's machine.
import { inject } from 'vitest';
import {
  createNetwork,
  type ExecOptions,
  type Flavour,
  type Host,
  type LabImage,
  startHost,
} from '../../lab/host.ts';

export interface Team {
  server: Host;
  dev: Host;
}

export interface TeamOptions {
  flavour?: Flavour;
  containerdStore?: boolean;
  /** In the server's engine; registry:3 unless said. */
  images?: LabImage[];
  /** Runs the program on the node of the host's distribution; without it on this machine's, which starts in a fifth of the time. */
  systemNode?: boolean | undefined;
}

let networks = 0;

/** A server with the program on it, alone on a network of its own. */
export async function startServer(options: TeamOptions = {}, network?: string): Promise<Host> {
  const { flavour = 'trixie', images = ['registry:3', 'lab/hello:1'], systemNode, ...rest } = options;
  const net = network ?? (await createNetwork(`net${++networks}`));
  const server = await startHost({ ...rest, flavour, name: `server${networks}`, network: net, images });
  await install(server, { systemNode });
  return server;
}

/** A server with the program on it, and a developer's machine that has an image to push. */
export async function startTeam(options: TeamOptions = {}): Promise<Team> {
  const { images: _, flavour = 'trixie', systemNode: __, ...rest } = options;
  const network = await createNetwork(`net${++networks}`);
  const [server, dev] = await Promise.all([
    startServer(options, network),
    startHost({ ...rest, flavour, name: `dev${networks}`, network, images: ['lab/hello:1'] }),
  ]);
  return { server, dev };
}

/** As `npm install --global` does it, without npm: the lab's hosts have none. */
export async function install(
  host: Host,
  { systemNode = false }: Pick<TeamOptions, 'systemNode'> = {},
): Promise<void> {
  await host.copyIn(inject('tarball'), '/tmp/registry-setup.tgz');
  await host.sh(`
    dir=/usr/local/lib/node_modules/registry-setup
    mkdir -p $dir
    tar -xzf /tmp/registry-setup.tgz --strip-components=1 --no-same-owner -C $dir
    rm /tmp/registry-setup.tgz
    chmod +x $dir/dist/cli.js
    ln -sf ../lib/node_modules/registry-setup/dist/cli.js /usr/local/bin/registry-setup
    ${systemNode ? '' : '[ -e /usr/local/bin/node ] || ln -s /lab/node /usr/local/bin/node'}`);
}

const program = (line: string) => `registry-setup ${line}`;

/** Runs the program and asks for exit code 0. `line` is for bash. Gives both streams and each of them. */
export async function run(host: Host, line: string, options: ExecOptions = {}) {
  const { stdout, stderr } = await host.sh(program(line), options);
  return { stdout, stderr, all: stdout + stderr };
}

/** Runs the program and asks for another exit code; gives what it said on standard error. */
export async function refused(host: Host, code: 1 | 2 | 130, line: string, options: ExecOptions = {}) {
  const result = await host.sh(program(line), { ...options, check: false });
  if (result.code === code) return result.stderr;
  throw new Error(
    `${program(line)}\nexit code ${result.code}, not ${code}\n${result.stdout}${result.stderr}`,
  );
}

/** One thing that the doctor finds wrong. */
export interface Trouble {
  code: string;
  cause: string;
  severity: string;
  evidence?: string;
  /** What `--fix` does; null if it is left to the user. */
  fix: string | null;
}

/** What the doctor finds wrong; with `--host` in the flags, as a client. */
export async function troubles(host: Host, flags = '', env: Record<string, string> = {}): Promise<Trouble[]> {
  const { stdout } = await host.sh(program(`doctor --json ${flags}`), { check: false, env });
  return (JSON.parse(stdout) as { troubles: Trouble[] }).troubles;
}

/** Waits for a script in a host to succeed. */
export async function until(host: Host, script: string, seconds = 20): Promise<void> {
  const loop = `for i in {1..${seconds * 10}}; do if (${script}) &>/dev/null; then exit 0; fi; sleep 0.1; done; exit 1`;
  const { code } = await host.sh(loop, { check: false, seconds: seconds + 20 });
  if (code !== 0) throw new Error(`${host.container}: waited ${seconds} s for: ${script}`);
}

/** Gives a machine a name in its hosts file. dockerd reads that file again 5 seconds after it has read it last (Go's net package). */
export async function nameHost(host: Host, name: string, ip: string): Promise<void> {
  await host.sh(`sed -i '/ ${name}$/d' /etc/hosts; echo '${ip} ${name}' >>/etc/hosts`);
  await until(host, `! { docker pull ${name}:1/none 2>&1 || true; } | grep 'lookup ${name}'`);
}

/** Tells an engine that this registry is spoken to without TLS. */
export async function trust(dev: Host, ...addresses: string[]): Promise<void> {
  const path = '/etc/docker/daemon.json';
  const before = JSON.parse((await dev.sh(`cat ${path} || echo '{}'`)).stdout) as object;
  await dev.write(path, JSON.stringify({ ...before, 'insecure-registries': addresses }));
  await dev.sh('systemctl reload docker');
  for (const address of addresses) await until(dev, `docker info | grep -F ' ${address}'`);
}

export async function login(dev: Host, address: string, user: string, password: string): Promise<void> {
  await dev.sh(`docker login --username ${user} --password-stdin ${address}`, { input: password });
}

/** Why a login was refused. */
export async function loginRefused(
  dev: Host,
  address: string,
  user: string,
  password: string,
): Promise<string> {
  const line = `docker login --username ${user} --password-stdin ${address}`;
  const { code, stderr } = await dev.sh(line, { input: password, check: false });
  if (code === 0) throw new Error(`${user} could log in at ${address}`);
  return stderr;
}

const digestIn = (text: string) => /sha256:[0-9a-f]{64}/.exec(text)?.[0];

/** Pushes the lab's image under a name; gives the digest that the engine tells. */
export async function push(host: Host, name: string): Promise<string | undefined> {
  const { stdout } = await host.sh(`docker tag lab/hello:1 ${name} && docker push ${name}`);
  return digestIn(stdout);
}

/** Pulls it when none of it is here any more, and runs it; gives the digest that the engine tells. */
export async function pull(host: Host, name: string): Promise<string | undefined> {
  const { stdout } = await host.sh(`
    docker rmi --force ${name} lab/hello:1 >/dev/null
    docker pull ${name}
    docker tag ${name} lab/hello:1
    test "$(docker run --rm ${name})" = 'hello from the lab'`);
  return digestIn(stdout);
}

/** What changes when a container is replaced or started again, and only then. */
export async function running(host: Host, name = 'registry'): Promise<string> {
  const format = '{{.Id}} {{.State.StartedAt}} {{.RestartCount}} {{.State.Running}}';
  return (await host.exec(['docker', 'inspect', '--format', format, name])).stdout.trim();
}

/** What the registry answers, asked in the host itself: the status, then the body. */
export async function ask(host: Host, url: string, login?: string): Promise<string> {
  const flags = login ? ['--user', login] : [];
  const argv = ['curl', '--silent', '--max-time', '10', '--write-out', '\n%{http_code}', ...flags, url];
  const { stdout } = await host.exec(argv, { check: false });
  const [status, ...body] = stdout.trimEnd().split('\n').toReversed();
  return [status, ...body.toReversed()].join(' ').trim();
}
