// kill -9, or a power cut, at every single step of a run: the next run finds a machine that is as before it, or as after it.
import { describe, expect, test } from 'vitest';
import { CliError } from '../../src/errors.ts';
import type { Run } from '../../src/reconcile/run.ts';
import { makeTestImage, sweepImage, testName, traceOf } from '../../src/server/checks/test-image.ts';
import type { FakeHost } from '../helpers/fake-host.ts';
import { machine, smallPlan } from '../helpers/plans.ts';
import { DIR, failing, follow } from '../helpers/run.ts';

/** A proof: what a registry writes when a test image is pushed, one file after the other, and what is swept up. */
const proof = (host: FakeHost) => (run: Run) => ({
  title: 'a test image',
  async run() {
    const image = makeTestImage(`team/${testName()}`);
    const trace = traceOf('/srv/images/here', image);
    await run.record({ kind: 'proof', id: image.repository }, 'a test image', { steps: [trace] }, true);
    const [hex = ''] = trace.digests;
    const place = `/srv/images/here/docker/registry/v2`;
    for (const path of [
      `repositories/${image.repository}/_uploads/0bd4/startedat`,
      `blobs/sha256/${hex.slice(0, 2)}/${hex}/data`,
      `repositories/${image.repository}/_layers/sha256/${hex}/link`,
    ]) {
      host.put(`${place}/${path}`, '');
      await host.append(`${place}/${path}`, 'x');
    }
    await sweepImage('/srv/images/here', image, host);
    return undefined;
  },
});

const first = smallPlan();
const second = smallPlan({ digest: 'd2', port: 5050, config: 'two', users: 'admin:hash' });

/** How the machine gets to where the killed run begins, and what that run wants. */
const runs = {
  'the first set-up': { before: [], plan: first },
  'a set-up where directories are there already': { before: [], plan: first, directories: true },
  'a change of everything': { before: [first], plan: second },
  'a change that takes parts away': { before: [second], plan: first },
  'a first set-up with a proof': { before: [], plan: first, proves: true },
  'a change with a proof': { before: [first], plan: second, proves: true },
  'a removal': { before: [first], plan: [] },
  'a removal after a change': { before: [first, second], plan: [] },
};

type Scenario = (typeof runs)[keyof typeof runs] & { directories?: boolean; proves?: boolean };

const doIt = (host: FakeHost, { plan, proves }: Scenario) =>
  follow(host, plan, proves ? { prove: proof(host) } : {});

async function start({ before, directories }: Scenario) {
  const host = machine();
  if (directories) for (const dir of [DIR, `${DIR}/config`]) await host.mkdir(dir, 0o750);
  for (const plan of before) await follow(host, plan);
  host.done.length = 0;
  return host;
}

/** Copies have random names. */
const plain = (host: FakeHost) =>
  JSON.parse(JSON.stringify(host.snapshot()).replace(/copies\/[0-9a-f]{16}/g, 'copies/a-copy'));

/**
 * What holds the lock cannot be told of in the journal, which is in it, too: in the moment before the lock is made, and after it is
 * given back, an empty directory may stay.
 */
function exceptEmpty(left: ReturnType<typeof plain>, wanted: ReturnType<typeof plain>) {
  const inside = Object.keys(left.files).filter((path) => path.startsWith(`${DIR}/`));
  if (inside.length === 0 && !wanted.files[DIR]) delete left.files[DIR];
}

const notToday = { ...failing(new CliError('not today')), title: 'not today' };

/** Another run comes, ends what the killed one left, and has reasons of its own to change nothing. */
async function nextRun(host: FakeHost) {
  host.boot();
  await expect(follow(host, undefined, { more: [notToday] })).rejects.toThrow('not today');
}

describe.each(Object.entries(runs))('%s', (_, scenario) => {
  test('whatever the step, the next run puts everything back, or finishes it', async () => {
    const undisturbed = await start(scenario);
    await doIt(undisturbed, scenario);
    const end = plain(undisturbed);
    const steps = [...undisturbed.done];
    const committed = steps.lastIndexOf(`append ${DIR}/.state/journal`) + 1;
    const recorded = steps.indexOf(`append ${DIR}/.state/journal`) + 2;
    const over = steps.lastIndexOf(`remove ${DIR}/.state/journal`) + 1;
    expect(committed).toBeGreaterThan(5);

    for (let k = 1; k <= steps.length; k++) {
      const host = await start(scenario);
      const before = plain(host);
      host.dieBefore(k);
      await expect(doIt(host, scenario), `killed before ${steps[k - 1]}`).rejects.toThrow();
      await nextRun(host);
      const left = plain(host);
      if (k <= recorded) exceptEmpty(left, before);
      if (k > over) exceptEmpty(left, end);
      // Once it is written that the run is over, the next one goes on from there.
      if (k > committed + 1) expect(left, `killed before ${steps[k - 1]}, when it was over`).toEqual(end);
      else expect([before, end], `killed before step ${k}: ${steps[k - 1]}`).toContainEqual(left);
      if (k <= committed) expect(left, `killed before step ${k}: ${steps[k - 1]}`).toEqual(before);
    }
  });

  test('the run that puts everything back may be killed, too', async () => {
    const begin = plain(await start(scenario));
    const undisturbed = await killedAt(scenario, 1000);
    const end = plain(undisturbed);
    const count = undisturbed.done.length;
    // A sample of all pairs, with its beginnings at every step in turn.
    for (let k = Math.floor(count / 2) - 3; k < count; k += 3) {
      for (let j = 1 + (k % 6), killed = true; killed; j += 6) {
        const host = await killedAt(scenario, k);
        host.boot();
        host.dieBefore(j);
        const error = await follow(host, undefined, { more: [notToday] }).catch((e: Error) => e);
        killed = (error as Error).message !== notToday.title;
        await nextRun(host);
        const left = plain(host);
        exceptEmpty(left, begin);
        exceptEmpty(left, end);
        expect([begin, end], `killed at ${k}, and again at ${j}`).toContainEqual(left);
      }
    }
  });
});

async function killedAt(scenario: Scenario, k: number): Promise<FakeHost> {
  const host = await start(scenario);
  host.dieBefore(k);
  await doIt(host, scenario).catch(() => {});
  return host;
}
