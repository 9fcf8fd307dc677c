import { defineConfig } from 'vitest/config';

const timeouts = { testTimeout: 20_000 };

export default defineConfig({
  test: {
    projects: [
      // One process a worker, which reads the sources once. What replaces modules (vi.mock) belongs to the stories.
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false, ...timeouts } },
      // A process for each file.
      { test: { name: 'stories', include: ['test/stories/**/*.test.ts'], ...timeouts } },
    ],
  },
});
