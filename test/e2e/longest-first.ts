// The order of the files: the longest first, so that none of them is alone at the end.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Seconds of the last whole run, a file each: `.ci/run --keep-times` writes them. */
const file = `${import.meta.dirname}/times.json`;

export default class LongestFirst extends BaseSequencer {
  /** A file that is new comes before all others; without times it is vitest's own order. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = await super.sort(files);
    if (!existsSync(file)) return usual;
    const seconds = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    const of = ({ moduleId }: TestSpecification) =>
      seconds[relative(this.ctx.config.root, moduleId)] ?? Number.MAX_VALUE;
    return usual.sort((a, b) => of(b) - of(a));
  }
}
