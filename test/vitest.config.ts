import { defineConfig } from 'vitest/config';

// A busy machine takes several times as long as a quiet one.
const timeouts = { testTimeout: 60_000 };

export default defineConfig({
  test: {
    // By itself it leaves one processor free: of two, half. In CI the lab may be built on that one meanwhile.
    ...(!process.env.CI && { maxWorkers: '100%' }),
    projects: [
      // One process a worker, which reads the sources once. What replaces modules (vi.mock) belongs to the stories.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false, ...timeouts } },
      // A process for each file.
      { test: { name: 'stories', include: ['test/stories/**/*.test.ts'], ...timeouts } },
    ],
  },
});
