// Finds what the user said twice, and what does not go together: one of the two would be ignored silently.
import type { Problem } from '../errors.ts';
import type { Answer, Answers } from './answers.ts';
import { APART, type FlagName, spelled } from './flags.ts';

const isList = (answer: Answer | undefined): answer is Answer & { value: string[] } =>
  Array.isArray(answer?.value);

/** Returns a problem if a flag has another value already. The user gives a list again for one more. */
export function twice(before: Answer | undefined, now: Answer): Problem[] {
  if (!before || isList(before) || before.value === now.value) return [];
  const message =
    typeof now.value === 'boolean'
      ? `contradicts ${before.where}`
      : `is given twice: ${before.value} and ${now.value}`;
  return [{ where: now.where, message }];
}

/** Joins two answers: all of two lists, else the later one. */
export const together = (before: Answer | undefined, now: Answer): Answer =>
  isList(before) && isList(now) ? { ...now, value: [...before.value, ...now.value] } : now;

/** Returns a problem for each pair of flags in APART that the user gave. */
export function apart(answers: Answers): Problem[] {
  const said = (name: FlagName) => answers[name] !== undefined && answers[name].value !== false;
  return APART.filter(([one, other]) => said(one) && said(other)).map(([one, other, fix]) => {
    return { where: spelled(other), message: `does not go with ${spelled(one)}`, fix: fix() };
  });
}
