import { expect, test } from 'vitest';
import type { Asking } from '../../../../src/server/wizard/questions/question.ts';
import { askMissing, QUESTIONS } from '../../../../src/server/wizard/questions/questions.ts';
import type { Answers } from '../../../../src/settings/answers.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';
import { scripted } from '../../../helpers/scripted-prompts.ts';

/** A first run in token mode, with every answer but two. */
async function askedFor(page: boolean): Promise<string[]> {
  const prompts = scripted(['A web page', page]);
  const answers: Answers = Object.fromEntries(
    QUESTIONS.filter(({ flag }) => flag !== 'ui' && flag !== 'auth-port').map(({ flag }) => [
      flag,
      { value: flag === 'auth' ? 'token' : '', where: flag },
    ]),
  );
  const facts = { engine: { state: 'ready', info: { kind: 'docker' } }, listening: new Set() };
  await askMissing({ answers, facts, prompts, host: fakeHost() } as unknown as Asking);
  return prompts.transcript;
}

// Behind the gateway the logins are at the registry's own port.
test.each([
  [true, ['A web page to look at the images, at the same address? = yes']],
  [
    false,
    [
      'A web page to look at the images, at the same address? = no',
      'Port where clients fetch their tokens = 5001',
    ],
  ],
])('with the page %s: a port of the logins is asked for only without it', async (page, wanted) => {
  expect(await askedFor(page)).toEqual(wanted);
});
