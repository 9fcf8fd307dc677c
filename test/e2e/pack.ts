// Once before all e2e tests: the package, as `npm publish` would send it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The packed program. */
    tarball: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-setup-'));
  // `npm pack` builds first (prepack).
  const { stdout } = await execa('npm', ['pack', '--silent', '--pack-destination', folder]);
  project.provide('tarball', join(folder, stdout.trim().split('\n').at(-1) ?? ''));
  return () => rm(folder, { recursive: true });
}
