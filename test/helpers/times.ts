// A reporter: how long each file took with its imports and hooks, which the JSON report leaves out.
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** Writes `{ "test/…": seconds }`, the slowest first, to the file that REGISTRY_SETUP_TIMES names. */
export default class Times implements Reporter {
  readonly #seconds = new Map<string, number>();

  onTestModuleEnd(module: TestModule): void {
    const { prepareDuration, setupDuration, collectDuration, duration } = module.diagnostic();
    const all = prepareDuration + setupDuration + collectDuration + duration;
    this.#seconds.set(module.relativeModuleId, Math.round(all / 100) / 10);
  }

  onTestRunEnd(): void {
    const file = process.env.REGISTRY_SETUP_TIMES;
    if (!file) return;
    const slowestFirst = [...this.#seconds].sort(([, a], [, b]) => b - a);
    writeFileSync(file, `${JSON.stringify(Object.fromEntries(slowestFirst), null, 2)}\n`);
  }
}
