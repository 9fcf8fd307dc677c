// Measures, and asserts nothing: the runner is here for TypeScript, the packed program and the lab.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/bench/{bench,tls,images,cpu,day-two}.ts'],
    globalSetup: ['test/lab/setup.ts', 'test/e2e/pack.ts'],
    pool: 'forks',
    reporters: ['dot'],
    disableConsoleIntercept: true,
    testTimeout: 900_000,
    hookTimeout: 300_000,
  },
});
