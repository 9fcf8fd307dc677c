import { defineConfig } from 'vitest/config';
import LongestFirst from './longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    globalSetup: ['test/lab/setup.ts', 'test/e2e/pack.ts'],
    // Every file is a process with hosts of its own, so that files run side by side.
    pool: 'forks',
    // More than the cores would only make every wait longer.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
