// Token mode, judged by real docker clients and by requests: what each role may do, and what it is refused.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type Host, type LabImage, removeAll, startHost } from '../../lab/host.ts';
import { fingerprint, roots, trustRoots } from '../helpers/certificates.ts';
import { install, login, pull, push, run, startServer, trust } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';
import { ADMIN, askAll, PASSWORDS, password, READER, SCOPED, STRANGER } from '../helpers/tokens.ts';

const MODES = ['insecure', 'self-signed', 'ca-signed'];
const registries: [string, LabImage, string[]][] = [
  ['registry 3.1', 'registry:3', chosen(MODES, (mode) => mode === 'ca-signed')],
  ['registry 2.8', 'registry:2', chosen(MODES, (mode) => mode === 'self-signed')],
];

describe.each(registries)(
  '%s',
  (_, image, modes) => {
    let server: Host;
    /** Docker 20.10, 26.1, 28.5, and 28.5 with the containerd image store. */
    let clients: Host[];
    let at: string;
    beforeAll(async () => {
      const network = await createNetwork(`roles-${image.slice(-1)}`);
      const images = ['lab/hello:1' as const];
      const started = await Promise.all([
        startServer({ images: [image, 'cesanta/docker_auth:1'] }, network),
        startHost({ flavour: 'bookworm', network, images }),
        startHost({ flavour: 'trixie', network, images }),
        startHost({ flavour: 'forky', network, images }),
        startHost({ flavour: 'forky', containerdStore: true, network, images }),
      ]);
      [server, ...clients] = started as [Host, ...Host[]];
      at = `${server.name}:5000`;
      await install(clients[3] as Host);
    });
    afterAll(removeAll);

    const setUp = (words: string) =>
      run(
        server,
        `--yes --auth token --no-anonymous-pull --host ${server.name} --image ${image} --password-stdin ${words}`,
        {
          input: PASSWORDS,
        },
      );
    const ca = async (tls: string) => (tls === 'insecure' ? '' : (await roots(server)).join(''));

    async function trustIt(tls: string): Promise<void> {
      const root = await ca(tls);
      const [blind, ...others] = clients.toReversed() as [Host, ...Host[]];
      await Promise.all([
        joined(blind, tls, root),
        ...others.map(async (client) => {
          await trust(client, ...(root ? [] : [at]));
          if (root) await trustRoots(client, root, at);
        }),
      ]);
    }

    /** The containerd image store asks a token server with the roots of the system alone: `--client` sees to that. */
    async function joined(client: Host, tls: string, root: string): Promise<void> {
      const pin = root ? `--ca-fingerprint ${fingerprint(root)}` : '';
      const scheme = tls === 'insecure' ? 'http://' : '';
      const line = `--client --yes --host ${scheme}${at} --user admin --password-stdin ${pin}`;
      const given = { input: password(ADMIN) };
      if (tls !== 'insecure') {
        const said = await client.sh(`registry-setup ${line}`, { ...given, check: false });
        expect(said.stdout + said.stderr).toContain('Login works, push and pull do not');
      }
      await client.sh('systemctl reset-failed docker');
      await run(client, `${line} --restart-docker`, given);
    }

    const refusal = async (client: Host, line: string): Promise<string> => {
      const { code, stdout, stderr } = await client.sh(line, { check: false });
      return code === 0 ? `"${line}" was not refused` : stdout + stderr;
    };
    const fetch = (name: string) => `docker rmi -f ${name} >/dev/null 2>&1; docker pull -q ${name}`;
    // To a name that is not there yet: a push of what is there already asks for nothing that a reader may not do.
    const send = (name: string) => `docker tag lab/hello:1 ${name}-new:1 && docker push ${name}-new:1`;
    const DENIED = /denied|insufficient_scope/;
    const NO_LOGIN = /denied|unauthorized|no basic auth|authorization failed/i;

    /** With real clients: `docker login`, `push`, `pull`. What is called `other` is pushed before. */
    async function asClients(client: Host, i: number, scoped: boolean): Promise<void> {
      const [app, other] = [`${at}/team/app${i}`, `${at}/other:1`];
      await login(client, at, 'admin', password(ADMIN));
      expect(await push(client, `${app}:1`)).toBe(await pull(client, `${app}:1`));
      await login(client, at, 'bob', password(READER));
      await client.sh(fetch(other));
      expect(await refusal(client, send(app))).toMatch(DENIED);
      if (scoped) {
        await login(client, at, 'carol', password(SCOPED));
        await client.sh(fetch(`${app}:1`));
        expect(await refusal(client, fetch(other))).toMatch(DENIED);
        expect(await refusal(client, send(app))).toMatch(DENIED);
      }
      await client.sh(`docker logout ${at}`);
      expect(await refusal(client, fetch(`${app}:1`))).toMatch(NO_LOGIN);
      expect(await refusal(client, send(app))).toMatch(NO_LOGIN);
    }

    it.each(modes)('%s: four clients, every role', async (tls) => {
      const people = '--user admin --reader bob --reader "carol:team/*"';
      const { stderr } = await setUp(`--tls ${tls} ${people}`);
      if (tls === 'insecure') expect(stderr).toContain('Passwords travel in clear');
      else expect(stderr).toContain('Docker before 29.5 with the containerd image store');
      await trustIt(tls);
      const [first] = clients as [Host];
      await login(first, at, 'admin', password(ADMIN));
      await push(first, `${at}/other:1`);
      await Promise.all(clients.map((client, i) => asClients(client, i, tls === 'ca-signed')));

      const [carol, bob] = [SCOPED, READER];
      const catalog = 'GET /v2/_catalog';
      const asked = [
        { who: ADMIN, call: catalog },
        { who: bob, call: catalog },
        { who: carol, call: catalog },
        { who: STRANGER, call: catalog },
        { who: carol, call: 'GET /v2/team/app0/tags/list' },
        { who: carol, call: 'GET /v2/other/tags/list' },
        { who: bob, call: 'DELETE /v2/team/app0/manifests/1' },
        { who: carol, call: 'DELETE /v2/team/app0/manifests/1' },
        { who: bob, call: 'POST /v2/team/app0/blobs/uploads/' },
        { who: 'bob:wrong', call: 'GET /v2/' },
        { who: 'nobody:x', call: 'GET /v2/' },
        { who: bob, call: 'GET /v2/' },
      ];
      expect(await askAll(clients[1] as Host, at, await ca(tls), asked)).toEqual([
        '200',
        '200',
        '401',
        'login 401',
        '200',
        '401',
        '401',
        '401',
        '401',
        'login 401',
        'login 401',
        '200',
      ]);
      await run(server, '--yes --anonymous-pull --reader bob');
      const everybody = async (client: Host, i: number) => {
        await client.sh(fetch(`${at}/team/app${i}:1`));
        expect(await refusal(client, send(`${at}/team/app${i}`))).toMatch(NO_LOGIN);
      };
      await Promise.all(clients.map(everybody));
    });
  },
  240_000,
);
