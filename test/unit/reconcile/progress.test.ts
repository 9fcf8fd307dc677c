import { expect, test, vi } from 'vitest';
import { runSteps } from '../../../src/reconcile/progress.ts';
import { silent } from '../../helpers/run.ts';

test('no steps print nothing on a terminal, not even an empty line', async () => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await runSteps([], { ...silent(), terminal: true }, new AbortController().signal);
    expect(write).not.toHaveBeenCalled();
  } finally {
    write.mockRestore();
  }
});
