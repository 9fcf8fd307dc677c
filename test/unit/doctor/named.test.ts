// The registries that the files of Docker and podman name, whoever wrote them.
import { expect, test } from 'vitest';
import { registriesNamed } from '../../../src/doctor/named.ts';
import { nameOf } from '../../../src/settings/address.ts';
import { testMachine } from '../../helpers/doctor-input.ts';

const named = async (files: Record<string, string>) => {
  const machine = testMachine();
  for (const [path, content] of Object.entries(files)) machine.put(path, content);
  return (await registriesNamed(machine.host, { HOME: '/root' })).map(nameOf).sort();
};

test('directories of certificates, insecure entries and logins: each registry once, and none of everybody', async () => {
  const files = {
    '/etc/docker/certs.d/10.0.3.17:5000/ca.crt': '',
    '/etc/containers/certs.d/reg.example/ca.crt': '',
    '/etc/docker/daemon.json':
      '{"insecure-registries": ["10.0.3.17:5000", "10.0.0.0/8", "lab:5000", 7, "http://x:1/y"]}',
    '/root/.docker/config.json':
      '{"auths": {"https://index.docker.io/v1/": {}, "ghcr.io": {}, "10.0.3.18:5000": {"auth": "x"}}}',
  };
  expect(await named(files)).toEqual(['10.0.3.17:5000', '10.0.3.18:5000', 'lab:5000', 'reg.example']);
});

test('files that are broken name none, and are no error here', async () => {
  const files = { '/etc/docker/daemon.json': '{ # no', '/root/.docker/config.json': '[' };
  expect(await named(files)).toEqual([]);
});
