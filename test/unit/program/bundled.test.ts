import { afterEach, expect, test } from 'vitest';
import { type About, carry, commandElsewhere } from '../../../src/program/bundled.ts';

afterEach(() => carry(undefined));

test('a command for another machine is one that exists there: npx, or a copy of the bundle', () => {
  expect(commandElsewhere('--client --host hub')).toBe('npx registry-setup --client --host hub');
  carry({ file: '/root/my registry.run', about: {} as About, unpack: () => '' });
  expect(commandElsewhere('--client --host hub')).toBe("sh 'my registry.run' --client --host hub");
});
