// What a user types to call this program again, for each way in which it is started.
import { expect, test } from 'vitest';
import { invocation } from '../../../src/program/invocation.ts';

const PATH = '/usr/local/bin:/usr/bin:/bin';
const started = (script: string, more = {}) =>
  invocation({ script, node: '/usr/bin/node', path: PATH, ...more });

test.each([
  ['a global installation', '/usr/local/bin/registry-setup', {}, 'registry-setup'],
  [
    'npx',
    '/root/.npm/_npx/0ab1/node_modules/.bin/registry-setup',
    { path: `/root/.npm/_npx/0ab1/node_modules/.bin:${PATH}` },
    'npx registry-setup',
  ],
  ['npm start in a clone', '/root/registry-setup/dist/cli.js', {}, 'node /root/registry-setup/dist/cli.js'],
  ['a link that is not on the PATH', '/opt/x/bin/registry-setup', {}, 'node /opt/x/bin/registry-setup'],
  [
    'a copy, by a node that is not on the PATH',
    '/opt/registry/program/8ee0/dist/cli.js',
    { node: '/opt/registry/program/node' },
    '/opt/registry/program/node /opt/registry/program/8ee0/dist/cli.js',
  ],
  ['a bundle', '', { bundle: '/root/registry.run' }, 'sh /root/registry.run'],
  ['a folder with a blank', '/root/my files/dist/cli.js', {}, "node '/root/my files/dist/cli.js'"],
])('%s', (_, script, more, line) => {
  expect(started(script, more)).toBe(line);
});
