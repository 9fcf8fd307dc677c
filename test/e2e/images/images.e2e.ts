// Where the registry's own image comes from when Docker Hub is out of reach, and where it goes at the end.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { removeAll } from '../../lab/host.ts';
import { ask, refused, run, startTeam, type Team, trust } from '../helpers/machines.ts';

let team: Team;
beforeAll(async () => {
  team = await startTeam({ images: [] });
});
beforeEach(() => team.server.reset());
afterAll(removeAll);

it.each([
  ['tar', 'cp -L /lab/registry-3.tar /tmp/registry.tar'],
  ['tar.gz', 'gzip -c /lab/registry-3.tar >/tmp/registry.tar'],
])('--image-archive with a %s; uninstall takes the image away again', async (_, make) => {
  const { server } = team;
  await server.sh(make);
  await run(server, '--yes --tls insecure --auth none --image-archive /tmp/registry.tar');
  expect(await ask(server, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
  // The archive is not needed again.
  await server.sh('rm /tmp/registry.tar');
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  await run(server, 'uninstall --yes');
  expect(await server.changes()).toEqual([]);
});

it('a file that is not an archive, or lacks the image: exit 2, nothing written', async () => {
  const { server } = team;
  await server.sh('head -c 100000 /lab/registry-3.tar >/tmp/torn.tar; echo no archive >/tmp/text.tar');
  const words = '--yes --tls insecure --auth none';
  expect(await refused(server, 2, `${words} --image-archive /tmp/text.tar`)).toContain(
    'not an image archive',
  );
  expect(await refused(server, 2, `${words} --image-archive /tmp/none.tar`)).toContain('there is no file');
  const other = '--image-archive /lab/registry-2.tar --image registry:3';
  expect(await refused(server, 2, `${words} ${other}`)).toContain('registry:2');
  await server.sh(
    'registry-setup --yes --tls insecure --auth none --image-archive /tmp/torn.tar && exit 1 || true',
  );
  expect(await server.changes()).toEqual([]);
});

it('--image from a mirror; uninstall removes the image again', async () => {
  const { server, dev } = team;
  const image = `${dev.ip}:5000/library/registry:3`;
  await server.sh('docker load -i /lab/registry-3.tar');
  await trust(server, `${dev.ip}:5000`);
  await dev.sh('docker load -i /lab/registry-3.tar; docker run -d --name mirror -p 5000:5000 registry:3');
  await server.sh(`docker tag registry:3 ${image}; docker push ${image}; docker rmi ${image} registry:3`);
  await server.sh('rm -rf /root/.docker');
  const before = await server.changes();

  await run(server, `--yes --tls insecure --auth none --image ${image}`);
  expect(await ask(server, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
  await run(server, 'uninstall --yes');
  expect(await server.changes()).toEqual(before);
});

it('an image that cannot be pulled: the error shows the fix, and everything is undone', async () => {
  const { server } = team;
  const said = await refused(server, 1, '--yes --tls insecure --auth none --image mirror.invalid/registry:3');
  expect(said).toContain('could not be pulled');
  expect(said).toContain('--image-archive registry.tar');
  expect(said).toContain('Everything was put back as it was.');
  expect(await server.changes()).toEqual([]);
});

it('an image that was there before stays', async () => {
  const { server } = team;
  await server.sh('docker load -i /lab/registry-3.tar');
  await run(server, '--yes --tls insecure --auth none');
  await run(server, 'uninstall --yes');
  expect(await server.changes()).toEqual(['image: registry:3']);
});
