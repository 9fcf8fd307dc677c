// Shows everything on one screen before anything changes, and lets the user change an answer.
import type { Context } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { changeDetails } from '../../reconcile/dry-run.ts';
import { FLAG_NAMES } from '../../settings/flags.ts';
import { preview } from '../make-plan.ts';
import type { ServerRequest } from '../request.ts';
import { reviewLines } from '../screens/review.ts';
import type { Asking } from './questions/question.ts';
import { askMissing, QUESTIONS } from './questions/questions.ts';

/**
 * Shows the plan, and asks whether to go ahead.
 * @param want settles the answers again after a change of one
 * @returns the request that the user accepted; undefined if there is nothing to do, or the user said no
 */
export async function review(
  context: Context,
  asking: Asking,
  first: ServerRequest,
  want: () => Promise<ServerRequest>,
): Promise<ServerRequest | undefined> {
  const { output } = context;
  const { prompts } = asking;
  let request = first;
  for (;;) {
    const { changes } = await preview(request, context);
    if (changes.length === 0) {
      output.json({ ok: true, changed: [] });
      output.say('Nothing to do: everything is as it should be.');
      return undefined;
    }
    output.say('', ...reviewLines(request.settings, changes, request.facts, request.engine), '');
    const answer = await prompts.select({
      message: 'Go ahead?',
      choices: [
        { value: 'yes', name: 'yes' },
        { value: 'change', name: 'change an answer …' },
        { value: 'show', name: 'show every file' },
        { value: 'no', name: 'no' },
      ],
    });
    if (answer === 'yes') return request;
    if (answer === 'no') {
      output.json({ ok: true, changed: [] });
      output.say('Nothing was changed.');
      return undefined;
    }
    if (answer === 'show') output.say('', ...changeDetails(changes, output.paint));
    else request = await changeOne(context, asking, want);
  }
}

/** Asks one question again. If the new answer causes an error, shows it, restores the former answers, and asks again. */
export async function changeOne(
  context: Context,
  asking: Asking,
  want: () => Promise<ServerRequest>,
): Promise<ServerRequest> {
  for (;;) {
    const fits = await Promise.all(QUESTIONS.map(({ when }) => when(asking)));
    const question = await asking.prompts.select({
      message: 'Which one?',
      choices: QUESTIONS.filter((_, i) => fits[i]).map((q) => ({
        value: q,
        name: q.label,
        short: q.label,
      })),
    });
    const before = { ...asking.answers };
    await question.ask(asking);
    await askMissing(asking);
    try {
      return { ...(await want()), passwords: asking.passwords };
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode === 130) throw error;
      context.output.fail(error, false);
      for (const name of FLAG_NAMES) delete asking.answers[name];
      Object.assign(asking.answers, before);
    }
  }
}
