// Small plans with every kind that a registry is made of; fixed, so that what a run does with them can be told exactly.
import type { Resource } from '../../src/resources/resource.ts';
import { imageIdOf } from './fake-docker.ts';
import { type FakeHost, fakeHost } from './fake-host.ts';
import { DIR } from './run.ts';

export interface Variant {
  digest?: string;
  port?: number;
  config?: string;
  users?: string;
  image?: string;
}

export function smallPlan(variant: Variant = {}): Resource[] {
  const { digest = 'd1', port = 5000, config = 'one', users, image = 'registry:3' } = variant;
  const at = (path: string) => `${DIR}/${path}`;
  return [
    { kind: 'image', ref: image },
    { kind: 'dir', path: DIR, mode: 0o755, keep: true },
    { kind: 'dir', path: at('config'), mode: 0o700 },
    { kind: 'file', path: at('config/config.yml'), content: config, mode: 0o600 },
    ...(users === undefined
      ? []
      : ([
          { kind: 'dir', path: at('auth'), mode: 0o700 },
          { kind: 'file', path: at('auth/htpasswd'), content: users, mode: 0o600 },
        ] satisfies Resource[])),
    { kind: 'dir', path: '/srv/images/here', mode: 0o755, keep: true },
    { kind: 'file', path: at('settings.yml'), content: `port: ${port}`, mode: 0o644 },
    {
      kind: 'container',
      digest,
      service: {
        name: 'registry',
        image,
        command: ['serve'],
        publish: [{ bind: '0.0.0.0', port, to: 5000 }],
        mounts: [{ source: at('config'), target: '/etc/registry', readOnly: true }],
        env: {},
        owner: DIR,
        options: [],
      },
    },
  ];
}

/** A machine with an engine, and the image that a registry needs. */
export function machine(): FakeHost {
  const host = fakeHost();
  host.docker.images['registry:3'] = imageIdOf('registry:3');
  return host;
}
