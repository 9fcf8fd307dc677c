// Messages about the way to a registry: names, addresses, ports.

import { commandLine } from '../../terminal/command.ts';
import { shellLine } from '../../terminal/shell.ts';
import { askLine, hostOf, isDockerHub, isPublic, type Message, onServer, placeOr } from './message.ts';

const NOT_REACHED =
  /dial tcp|lookup \S|no such host|could not resolve host|connection refused|i\/o timeout|deadline exceeded|Client\.Timeout|connection reset|no route to host|network is unreachable|\bEOF\b/i;

export const CONNECTION: Message[] = [
  {
    code: 'traces',
    subject: 'connection',
    pattern: /traces export: |localhost:4318|127\.0\.0\.1:4318/i,
    cause: () => 'The registry wants to send traces to a collector that is not there. It harms nothing.',
    mend: () => ['Start its container with: -e OTEL_TRACES_EXPORTER=none'],
  },
  {
    code: 'docker-hub',
    subject: 'connection',
    pattern: NOT_REACHED,
    when: isDockerHub,
    cause: () => 'Docker Hub cannot be reached from this machine.',
    mend: () => [
      'A mirror or a proxy may be missing: docker info | grep -iE -A3 "proxy|mirrors"',
      'An image of your registry has its address in its name: HOST:PORT/team/app:1.0',
      `To set up a registry without Docker Hub, on a machine that reaches it: ${commandLine('bundle FILE')}`,
    ],
  },
  {
    code: 'public-registry',
    subject: 'connection',
    pattern: NOT_REACHED,
    when: isPublic,
    cause: (_, { place }) => `${place} cannot be reached from this machine.`,
    mend: () => [
      'A proxy may be missing: docker info | grep -i proxy',
      'Keep such images in your own registry, from a machine that reaches both: registry-setup image copy SRC DST',
    ],
  },
  {
    code: 'no-such-host',
    subject: 'connection',
    pattern:
      /no such host|could not resolve host|name or service not known|temporary failure in name resolution|getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|server misbehaving|name does not resolve/i,
    cause: (_, about) =>
      `The name ${about.place ? hostOf(about.place) : 'of the registry'} is not known here.`,
    mend: (_, { place }) => {
      const name = place ? hostOf(place) : 'NAME';
      const port = /:(\d+)$/.exec(place ?? '')?.[1];
      const at = ['--host', name, ...(port ? ['--port', port] : []), '--address', 'IP'];
      return [
        `What does the system say? ${shellLine('getent', ['hosts', name])}`,
        `Give it an address here: ${commandLine(shellLine('--client', at))}`,
      ];
    },
  },
  {
    code: 'port-taken',
    subject: 'connection',
    pattern: /port is already allocated|address already in use|EADDRINUSE|ports are not available/i,
    cause: (_, { line }) => {
      const [, port] = /:(\d{2,5})(?:: bind:| failed|[^:\n]{0,40}already)/.exec(line) ?? [];
      return `Another program has the port${port ? ` ${port}` : ''}.`;
    },
    mend: (_, about) => [
      'Who? ss -ltnp; docker ps -a --format "{{.Names}} {{.Ports}}"',
      `Another port: ${onServer(about, '--port PORT')}`,
    ],
  },
  {
    code: 'no-address',
    subject: 'connection',
    pattern: /cannot assign requested address|EADDRNOTAVAIL/i,
    cause: () =>
      'This machine has no such address: a program is told to listen at, or to come from, one that is gone.',
    mend: (_, about) => [
      'Its addresses: ip -brief address',
      `Listen at another one: ${onServer(about, '--bind ADDRESS')}`,
    ],
  },
  {
    code: 'refused',
    subject: 'connection',
    pattern:
      /connection refused|ECONNREFUSED|could(?:n't| not) connect to server|actively refused|拒绝连接|连接被拒绝/i,
    cause: (_, about) => `Nothing listens at ${placeOr(about, 'that address')}.`,
    mend: (_, about) => [
      `Does the registry run? ${onServer(about, 'status')}`,
      'Is the port right? Docker uses 443 for a name without one.',
    ],
  },
  {
    code: 'not-reached',
    subject: 'connection',
    pattern:
      /i\/o timeout|no route to host|network is unreachable|Client\.Timeout exceeded|deadline exceeded|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|request canceled while waiting for connection|connection timed out|没有到主机的路由|连接超时/i,
    cause: (_, about) =>
      `${placeOr(about)} does not answer: a firewall, another network, or a machine that is off.`,
    mend: (_, about) => [
      `From here: ${askLine(about)}`,
      `The firewall of the server: ${onServer(about, 'doctor')}`,
    ],
  },
  {
    code: 'cut-off',
    subject: 'connection',
    general: true,
    pattern:
      /connection reset by peer|ECONNRESET|empty reply from server|unexpected EOF|: EOF\b|broken pipe|use of closed network connection/i,
    cause: (_, about) => `${placeOr(about)}, or something in between, breaks the connection off.`,
    mend: (_, about) => [
      about.own ? `What does it say? ${about.own.log}` : `Is it well? ${onServer(about, 'doctor')}`,
      'It may speak plain HTTP, be out of memory or disk, or stand behind a proxy with a short time limit.',
    ],
  },
];
