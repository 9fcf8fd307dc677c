// Every way of encryption, with and without login, for clients of every engine: they are given one file and nothing else.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import {
  distrust,
  inFile,
  installGoClient,
  onWire,
  refusals,
  roots,
  roundTrip,
  trustRoots,
} from '../helpers/certificates.ts';
import { login, push, run, startServer, type TeamOptions, trust } from '../helpers/machines.ts';
import { full } from '../helpers/matrix.ts';

const LOGINS = ['none', 'htpasswd'];
/** The engine of the server, and its logins: what another server does is in the other tests of certificates. */
const servers: [string, TeamOptions, string[]][] = [
  [
    'Docker 28.5 with the containerd image store',
    { flavour: 'forky', containerdStore: true },
    full ? LOGINS : ['htpasswd'],
  ],
];
if (full)
  servers.push(
    ['Docker 20.10', { flavour: 'bookworm' }, LOGINS],
    ['Docker 26.1', { flavour: 'trixie' }, LOGINS],
    ['Docker 28.5', { flavour: 'forky' }, LOGINS],
  );
const PASSWORD = 'correct horse';
const images = ['lab/hello:1' as const];

let network: string;
/** Docker 20.10, 26.1, 28.5 with either image store. */
let clients: Host[];
beforeAll(async () => {
  network = await createNetwork('tls-modes');
  clients = await Promise.all([
    startHost({ flavour: 'bookworm', network, images }),
    startHost({ flavour: 'trixie', network, images }),
    startHost({ flavour: 'forky', network, images }),
    startHost({ flavour: 'forky', containerdStore: true, network, images }),
  ]);
  await installGoClient(...clients);
});
afterAll(removeAll);

const each = <T>(work: (client: Host, index: number) => Promise<T>) => Promise.all(clients.map(work));

describe.each(servers)('a server with %s', (_, options, logins) => {
  let server: Host;
  /** By name, and by address. */
  let addresses: string[];
  beforeAll(async () => {
    server = await startServer(options, network);
    addresses = [server.name, server.ip].map((host) => `${host}:5000`);
    // In plain HTTP that takes a reload, and it has to be there when the others need nothing.
    await run(server, `--yes --tls insecure --auth none --host ${server.name} --san ${server.ip}`);
  });
  afterAll(() => server.remove());

  /** Logs in where that is needed, pushes and pulls under both names. */
  const use = (auth: string) =>
    each(async (client, index) => {
      for (const at of addresses) {
        if (auth === 'htpasswd') await login(client, at, 'admin', PASSWORD);
        await roundTrip(client, `${at}/team/app-${index}:1`);
        if (auth === 'htpasswd') await client.sh(`docker logout ${at}`);
      }
    });

  it.each(logins)(
    'all three with the login %s, one after the other',
    async (auth) => {
      const who = auth === 'none' ? '' : '--user admin --password-stdin';
      const change = (tls: string) =>
        run(server, `--yes --tls ${tls} --auth ${auth} ${who}`, { input: PASSWORD });
      const [at = ''] = addresses;
      const refuse = (why: RegExp) =>
        each((client) => expect(push(client, `${at}/app:1`)).rejects.toThrow(why));

      await change('ca-signed');
      await each(distrust);
      await refuse(/signed by unknown authority/);
      const [root = ''] = await roots(server);
      await each(async (client) => {
        await trustRoots(client, root, ...addresses);
        expect(await onWire(client, at)).toBe(await inFile(server));
      });
      await use(auth);

      const selfSigned = await change('self-signed');
      expect(selfSigned.stderr).toContain('Every client must be given the new certificate');
      await refuse(/signed by unknown authority|failed to verify/);
      const [own = ''] = await roots(server);
      await each((client) => trustRoots(client, own, ...addresses));
      await use(auth);
      await each(async (client) => {
        for (const address of addresses) expect(await refusals(client, address, own)).toEqual([]);
      });

      const plain = await change('insecure');
      expect(plain.stderr).toContain(
        `Every client must allow plain HTTP now: "insecure-registries": ["${at}"]`,
      );
      await each((client) => trust(client, ...addresses));
      await use(auth);

      // The CA was kept: a client that has its root needs nothing more.
      const back = await change('ca-signed');
      expect(back.stderr).toContain(`Every client must take "${at}" out of insecure-registries`);
      await each(async (client) => {
        await trust(client);
        await trustRoots(client, root, ...addresses);
      });
      expect(await roots(server)).toEqual([root]);
      await use(auth);
    },
    180_000,
  );
});
