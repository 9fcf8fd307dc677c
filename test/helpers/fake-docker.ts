// A Docker engine in memory, as far as src/engines/docker.ts speaks to it. What it does not know is not answered.
import type { RunResult } from '../../src/host/host.ts';

interface FakeContainer {
  id: string;
  name: string;
  image: string;
  imageId: string;
  running: boolean;
  labels: Record<string, string>;
  /** The words after `run -d` or `create`. */
  args: string[];
  ports: number[];
  /** The ids of its networks, by their names. */
  networks?: Record<string, string>;
}

export interface FakeDocker {
  containers: FakeContainer[];
  /** What is here: reference → id. */
  images: Record<string, string>;
  /** What can be pulled. */
  remote: Record<string, string>;
  /** What `docker load` finds in a file. */
  archives: Record<string, Record<string, string>>;
  info: Record<string, unknown>;
  /** Networks by name. */
  networks: Record<string, { id?: string; subnet: string; labels: Record<string, string> }>;
  /** Images whose containers stop right after their start. */
  broken: Set<string>;
  container(nameOrId: string): FakeContainer | undefined;
  /** A container that somebody made by hand. */
  foreign(name: string, image?: string, ports?: number[]): FakeContainer;
  /** Undefined: not a word that it knows. */
  run(args: string[]): RunResult | undefined;
}

const said = (stdout = ''): RunResult => ({ code: 0, stdout, stderr: '' });
const refused = (stderr: string, code = 1): RunResult => ({ code, stdout: '', stderr });
/** As `docker container inspect` says it. */
const daemon = (text: string) => `Error response from daemon: ${text}`;

/** Words of `docker run` that the program uses, with the number of values that follow. */
const RUN_WORDS: Record<string, number> = { '-d': 0, '--read-only': 0 };
const OPTIONS = ['--name', '--restart', '--cap-drop', '--security-opt', '--pids-limit', '-p', '-v', '-e'];
const OF_GATEWAYS = ['--network', '--ip', '--mac-address', '--user', '--entrypoint', '--tmpfs'];
for (const word of [...OPTIONS, ...OF_GATEWAYS, '--label', '--log-opt', '--userns']) RUN_WORDS[word] = 1;

export const imageIdOf = (ref: string) =>
  `sha256:${Buffer.from(ref).toString('hex').padEnd(64, '0').slice(0, 64)}`;

export function fakeDocker(): FakeDocker {
  let made = 0;
  const newId = () => (++made).toString(16).padStart(4, '0').repeat(16);

  function parseRun(args: string[]) {
    const values: Record<string, string[]> = {};
    let at = 0;
    for (; args[at]?.startsWith('-'); at++) {
      const word = args[at] as string;
      if (!(word in RUN_WORDS)) return undefined;
      if (RUN_WORDS[word] === 1) {
        const list = values[word] ?? [];
        values[word] = [...list, args[++at] as string];
      }
    }
    return { values, image: args[at] ?? '' };
  }

  function create(args: string[]): RunResult | FakeContainer {
    const parsed = parseRun(args);
    if (!parsed) return refused(`unknown flag in: ${args.join(' ')}`, 125);
    const { values, image } = parsed;
    const name = values['--name']?.[0] ?? '';
    const imageId = engine.images[image];
    if (!imageId) return refused(daemon(`No such image: ${image}`), 125);
    if (engine.containers.some((c) => c.name === name))
      return refused(daemon(`Conflict. The container name "/${name}" is already in use by container …`), 125);
    const container: FakeContainer = {
      id: newId(),
      name,
      image,
      imageId,
      running: false,
      labels: Object.fromEntries((values['--label'] ?? []).map((label) => label.split(/=(.*)/s).slice(0, 2))),
      args: args.filter((word) => word !== '-d'),
      ports: (values['-p'] ?? []).map((port) => Number(port.split(':').at(-2))),
      networks: Object.fromEntries(
        (values['--network'] ?? []).map((network) => [network, engine.networks[network]?.id ?? '']),
      ),
    };
    engine.containers.push(container);
    return container;
  }

  function start(container: FakeContainer): RunResult {
    const taken = engine.containers.find(
      (other) => other !== container && other.running && other.ports.some((p) => container.ports.includes(p)),
    );
    if (taken)
      return refused(
        daemon(`driver failed programming external connectivity: port is already allocated`),
        125,
      );
    container.running = !engine.broken.has(container.image);
    return said(container.id);
  }

  const find = (word: string) =>
    engine.containers.find(({ name, id }) => name === word || (word !== '' && id.startsWith(word)));

  function on(word: string, act: (container: FakeContainer) => RunResult): RunResult {
    const container = find(word);
    return container ? act(container) : refused(daemon(`No such container: ${word}`));
  }

  function network([verb, ...words]: string[]): RunResult {
    const name = words.at(-1) ?? '';
    const there = engine.networks[name];
    if (verb === 'create') {
      if (there) return refused(daemon(`network with name ${name} already exists`));
      const value = (word: string) => words[words.indexOf(word) + 1] ?? '';
      const [label = '', owner = ''] = value('--label').split('=');
      engine.networks[name] = { id: newId(), subnet: value('--subnet'), labels: { [label]: owner } };
      return said(name);
    }
    if (!there) return { code: 1, stdout: '[]\n', stderr: daemon(`network ${name} not found`) };
    if (verb === 'rm') {
      delete engine.networks[name];
      return said(name);
    }
    const IPAM = { Config: [{ Subnet: there.subnet }] };
    return verb === 'inspect'
      ? said(JSON.stringify([{ Id: there.id, Labels: there.labels, IPAM }]))
      : refused('');
  }

  const engine: FakeDocker = {
    containers: [],
    images: {},
    remote: {},
    archives: {},
    broken: new Set(),
    networks: {},
    info: { ServerVersion: '26.1.5', LoggingDriver: 'json-file', SecurityOptions: ['name=seccomp'] },
    container: find,
    foreign(name, image = 'somebody/thing:1', ports = []) {
      engine.images[image] ??= imageIdOf(image);
      const imageId = engine.images[image];
      const container = { id: newId(), name, image, imageId, running: true, labels: {}, args: [], ports };
      engine.containers.push(container);
      return container;
    },
    run(args) {
      const [word = '', ...rest] = args;
      const last = rest.at(-1) ?? '';
      switch (word) {
        case 'info':
          return said(JSON.stringify(engine.info));
        case 'container': {
          // What `inspect ''` says since Engine 27; before, it was one that is not there.
          if (last === '') return refused('invalid container name or ID: value is empty');
          const c = find(last);
          if (!c) return { code: 1, stdout: '[]\n', stderr: `Error: No such container: ${last}` };
          const State = { Running: c.running, Restarting: false, ExitCode: c.running ? 0 : 1, Error: '' };
          const Config = { Image: c.image, Labels: c.labels };
          const values = (word: string) => c.args.filter((_, i) => c.args[i - 1] === word);
          const Mounts = values('-v').map((mount) => {
            const [Source, Destination] = mount.split(':');
            return { Source, Destination };
          });
          const bindings = values('-p').map((published) => {
            const [to = '', HostPort, HostIp = ''] = published.split(':').reverse();
            return [`${to}/tcp`, [{ HostIp, HostPort }]];
          });
          const HostConfig = { PortBindings: Object.fromEntries(bindings) };
          return said(
            JSON.stringify([
              {
                ...{ Id: c.id, Name: `/${c.name}`, Image: c.imageId, State, Config, Mounts, HostConfig },
                NetworkSettings: {
                  Networks: Object.fromEntries(
                    Object.entries(c.networks ?? {}).map(([network, NetworkID]) => [network, { NetworkID }]),
                  ),
                },
              },
            ]),
          );
        }
        case 'network':
          return network(rest);
        case 'image': {
          const id = engine.images[last];
          return id ? said(`${id}\n`) : refused(`Error: No such image: ${last}`);
        }
        case 'ps': {
          const label = /--filter label=(\S+)/.exec(rest.join(' '))?.[1];
          if (label) {
            const own = engine.containers.filter(({ labels }) => labels[label] !== undefined);
            return said(own.map(({ name, labels }) => `${labels[label]}\t${name}`).join('\n'));
          }
          const port = Number(/publish=(\d+)/.exec(rest.join(' '))?.[1]);
          const shown = engine.containers.filter(({ running, ports }) => running && ports.includes(port));
          return said(
            shown
              .map((c) => JSON.stringify({ Names: c.name, Image: c.image, Status: 'Up 3 days' }))
              .join('\n'),
          );
        }
        case 'run': {
          const container = create(rest);
          return 'code' in container ? container : start(container);
        }
        case 'create': {
          const container = create(rest);
          return 'code' in container ? container : said(container.id);
        }
        case 'start':
          return on(last, start);
        case 'stop':
          return on(last, (container) => {
            container.running = false;
            return said(last);
          });
        case 'rename': {
          const [from = '', to = ''] = rest;
          if (find(to)) return refused(daemon(`Conflict. The container name "/${to}" is already in use`));
          return on(from, (container) => {
            container.name = to;
            return said();
          });
        }
        case 'rm':
          return on(last, (container) => {
            engine.containers = engine.containers.filter((other) => other !== container);
            return said(last);
          });
        case 'logs':
          return on(last, ({ name }) => said(`the last words of ${name}`));
        // No engine behind a socket of this machine: images come by the command line.
        case 'context':
          return refused('no context');
        case 'pull': {
          const id = engine.remote[last];
          if (!id) return refused(daemon(`Get "https://registry-1.docker.io/v2/": dial tcp: lookup failed`));
          engine.images[last] = id;
          return said(`Status: Downloaded newer image for ${last}`);
        }
        case 'load': {
          const held = engine.archives[last];
          if (!held) return refused(`open ${last}: no such file or directory`);
          Object.assign(engine.images, held);
          return said(
            Object.keys(held)
              .map((ref) => `Loaded image: ${ref}`)
              .join('\n'),
          );
        }
        case 'rmi': {
          const id = engine.images[last];
          if (!id) return refused(`Error: No such image: ${last}`);
          const user = engine.containers.find(({ imageId }) => imageId === id);
          if (user)
            return refused(
              daemon(
                `conflict: unable to remove repository reference "${last}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image`,
              ),
            );
          delete engine.images[last];
          return said(`Untagged: ${last}`);
        }
        default:
          return undefined;
      }
    },
  };
  return engine;
}

/** The words that change something. */
export const changesDocker = ([word = '']: string[]) =>
  ['run', 'create', 'start', 'stop', 'rename', 'rm', 'rmi', 'pull', 'load'].includes(word);
