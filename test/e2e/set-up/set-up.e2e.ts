// From a machine with nothing but Node and Docker to a registry that another machine pushes to and pulls from.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeAll } from '../../lab/host.ts';
import {
  ask,
  login,
  loginRefused,
  pull,
  push,
  run,
  startTeam,
  type Team,
  type TeamOptions,
  trust,
} from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

const engines: [string, TeamOptions][] = [
  ['Docker 20.10', { flavour: 'bookworm' }],
  ['Docker 26.1', { flavour: 'trixie' }],
  ['Docker 28.5', { flavour: 'forky' }],
  ['Docker 28.5 with the containerd image store', { flavour: 'forky', containerdStore: true }],
];

// Each engine runs both images, and each image is with and without login on half of the engines.
const images = ['registry:3', 'registry:2'];

describe.each(engines)('%s', (name, options) => {
  const even = engines.findIndex(([engine]) => engine === name) % 2;
  let team: Team;
  let address: string;
  beforeAll(async () => {
    team = await startTeam({ ...options, systemNode: true, images: ['registry:3', 'registry:2'] });
    address = `${team.server.ip}:5000`;
    await trust(team.dev, address);
  });
  afterAll(removeAll);

  it.each(chosen(images, (_, i) => i === even))('%s without login', async (image) => {
    const { server, dev } = team;
    await server.reset();
    await run(server, `--yes --tls insecure --auth none --image ${image}`);
    expect(await ask(server, `http://${address}/v2/`)).toBe('200 {}');
    const pushed = await push(dev, `${address}/team/app:1.0`);
    expect(pushed).toMatch(/^sha256:/);
    expect(await pull(dev, `${address}/team/app:1.0`)).toBe(pushed);
    expect(await ask(server, `http://${address}/v2/_catalog`)).toBe('200 {"repositories":["team/app"]}');
  });

  it.each(chosen(images, (_, i) => i !== even))('%s with passwords', async (image) => {
    const { server, dev } = team;
    await server.reset();
    const input = 'admin:correct horse: battery\nci:staple 電池';
    await run(server, `--yes --tls insecure --image ${image} --user admin --user ci --password-stdin`, {
      input,
    });
    const name = `${address}/team/app:1.0`;
    await expect(push(dev, name)).rejects.toThrow(
      /no basic auth credentials|authorization failed|unauthorized/,
    );
    expect(await loginRefused(dev, address, 'admin', 'staple 電池')).toMatch(/401|unauthorized/i);
    expect(await loginRefused(dev, address, 'eve', 'staple 電池')).toMatch(/401|unauthorized/i);

    await login(dev, address, 'admin', 'correct horse: battery');
    const pushed = await push(dev, name);
    await login(dev, address, 'ci', 'staple 電池');
    expect(await pull(dev, name)).toBe(pushed);
    await dev.sh(`docker logout ${address}`);
  });
});
