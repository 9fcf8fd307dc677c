// Shows the steps of a run while they run. The only file that imports listr2.
import { Interrupted } from '../errors.ts';
import { type Output, type Report, SYMBOL } from '../terminal/output.ts';

/** A step of a run: some changes, or a proof. */
export interface Step {
  /** The title that suits a finished step: `9 files in /opt/registry`. */
  title: string;
  /** May return a better title when the result is known. */
  run(report: Report): Promise<string | undefined>;
}

/** Runs the steps one after the other, each with a line of progress; stops at the first that fails, and throws its error. */
export async function runSteps(steps: Step[], output: Output, signal: AbortSignal): Promise<void> {
  // listr2 prints an empty line for no steps.
  if (steps.length === 0) return;
  const { Listr, ProcessOutput } = await import('listr2');
  const live = output.terminal && !output.quiet && !output.asJson;
  const seconds = (since: number) => {
    const passed = (performance.now() - since) / 1000;
    return passed > 0.2 ? output.paint('dim', ` (${passed.toFixed(1)} s)`) : '';
  };
  const stderr = new ProcessOutput(process.stderr, process.stderr);
  const tasks = new Listr(
    steps.map((step) => ({
      title: step.title,
      task: async (_: unknown, task: { title?: string; output?: string }) => {
        if (signal.aborted) throw new Interrupted();
        const since = performance.now();
        const better = await step.run((text) => {
          task.output = text;
        });
        const title = `${better ?? step.title}${seconds(since)}`;
        task.title = title;
        if (!live) output.say(`${output.paint('green', SYMBOL.done)} ${title}`);
      },
    })),
    {
      concurrent: false,
      exitOnError: true,
      // The handler of cli.ts undoes the run; listr2's would exit at once.
      registerSignalListeners: false,
      renderer: live ? 'default' : 'silent',
      rendererOptions: {
        logger: new (await import('listr2')).ListrLogger({ useIcons: true, processOutput: stderr }),
        showErrorMessage: false,
        collapseErrors: true,
      },
    },
  );
  await tasks.run();
}
