// Every way of encryption, with and without login, on every engine: clients are given one file and nothing else.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeAll } from '../../lab/host.ts';
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
import { login, push, run, startTeam, type Team, type TeamOptions, trust } from '../helpers/machines.ts';

const engines: [string, TeamOptions][] = [
  ['Docker 20.10', { flavour: 'bookworm' }],
  ['Docker 26.1', { flavour: 'trixie' }],
  ['Docker 28.5', { flavour: 'forky' }],
  ['Docker 28.5 with the containerd image store', { flavour: 'forky', containerdStore: true }],
];
const PASSWORD = 'correct horse';

describe.each(engines)(
  '%s',
  (_, options) => {
    let team: Team;
    /** By name, and by address. */
    let addresses: string[];
    beforeAll(async () => {
      team = await startTeam(options);
      const { server, dev } = team;
      await installGoClient(dev);
      addresses = [server.name, server.ip].map((host) => `${host}:5000`);
      // In plain HTTP that takes a reload, and it has to be there when the others need nothing.
      await run(server, `--yes --tls insecure --auth none --host ${server.name} --san ${server.ip}`);
    });
    afterAll(removeAll);

    /** Logs in where that is needed, pushes and pulls under both names. */
    async function use(auth: string) {
      const { dev } = team;
      for (const at of addresses) {
        if (auth === 'htpasswd') await login(dev, at, 'admin', PASSWORD);
        await roundTrip(dev, `${at}/team/app:1`);
        if (auth === 'htpasswd') await dev.sh(`docker logout ${at}`);
      }
    }

    it.each(['none', 'htpasswd'])('all three with the login %s, one after the other', async (auth) => {
      const { server, dev } = team;
      const who = auth === 'none' ? '' : '--user admin --password-stdin';
      const change = (tls: string) =>
        run(server, `--yes --tls ${tls} --auth ${auth} ${who}`, { input: PASSWORD });
      const [at = ''] = addresses;

      await change('ca-signed');
      await distrust(dev);
      await expect(push(dev, `${at}/app:1`)).rejects.toThrow(/signed by unknown authority/);
      const [root = ''] = await roots(server);
      await trustRoots(dev, root, ...addresses);
      expect(await onWire(dev, at)).toBe(await inFile(server));
      await use(auth);

      const selfSigned = await change('self-signed');
      expect(selfSigned.stderr).toContain('Every client must be given the new certificate');
      await expect(push(dev, `${at}/app:1`)).rejects.toThrow(/signed by unknown authority|failed to verify/);
      const [own = ''] = await roots(server);
      await trustRoots(dev, own, ...addresses);
      await use(auth);
      for (const address of addresses) expect(await refusals(dev, address, own)).toEqual([]);

      const plain = await change('insecure');
      expect(plain.stderr).toContain(
        `Every client must be told that it is plain HTTP now: "insecure-registries": ["${at}"]`,
      );
      await trust(dev, ...addresses);
      await use(auth);

      // The CA was kept: a client that has its root needs nothing more.
      const back = await change('ca-signed');
      expect(back.stderr).toContain(`Every client must take "${at}" out of insecure-registries`);
      await trust(dev);
      await trustRoots(dev, root, ...addresses);
      expect(await roots(server)).toEqual([root]);
      await use(auth);
    });
  },
  180_000,
);
