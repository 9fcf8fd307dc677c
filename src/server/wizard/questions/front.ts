// Asks whether a web page shows the images, at the registry's own address.
import { current, put, type Question } from './question.ts';

export const ui: Question = {
  flag: 'ui',
  label: 'Web page',
  optional: true,
  when: ({ facts: { engine } }) => engine.state === 'ready' && engine.info.kind !== 'native',
  async ask(asking) {
    const answer = await asking.prompts.confirm({
      message: 'A web page to look at the images, at the same address?',
      default: current(asking, 'ui') === true,
    });
    put(asking, 'ui', answer);
  },
};
