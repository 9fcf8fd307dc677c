// The same five cases for every kind of resource: create, change, equal, undo restores, twice is once.
import { describe, expect, test } from 'vitest';
import { perform } from '../../src/reconcile/undo.ts';
import type { Drift, Provider, Vault } from '../../src/resources/provider.ts';
import type { Undo, UndoStep } from '../../src/resources/undo.ts';
import { type FakeHost, fakeHost } from './fake-host.ts';

export interface Start {
  name: string;
  /** How the machine is before. */
  prepare(host: FakeHost): void | Promise<void>;
  /** What it takes to get to the resource from there; undefined: nothing. */
  takes: Drift['what'] | undefined;
}

/** Copies that lie where a snapshot does not look. */
export function vaultOn(host: FakeHost): Vault {
  let count = 0;
  return {
    async keep(content) {
      const copy = `/proc/vault/${++count}`;
      host.put(copy, '');
      await host.write(copy, content, { mode: 0o600 });
      return copy;
    },
  };
}

/** As a roll-back does it. */
export async function undoNow({ steps, last = [] }: Undo, host: FakeHost) {
  for (const step of [...steps, ...last]) await perform(step, host);
}

/** `starts` must hold one that takes nothing: that is how a machine is equal. */
export function fiveCases<R extends { kind: string }>(
  provider: Pick<Provider<R, UndoStep>, 'title' | 'check' | 'undo' | 'apply'>,
  resource: R,
  starts: Start[],
) {
  describe.each(starts)('$name', ({ prepare, takes }) => {
    async function machine() {
      const host = fakeHost();
      await prepare(host);
      host.done.length = 0;
      return host;
    }

    test(takes ? `takes ${takes}, and then nothing` : 'takes nothing', async () => {
      const host = await machine();
      const drift = await provider.check(resource, host);
      expect(drift?.what).toBe(takes);
      expect(host.done, 'a check changes nothing').toEqual([]);
      if (!drift) return;
      expect(drift.details.length).toBeGreaterThan(0);
      await provider.apply(resource, host);
      expect(await provider.check(resource, host)).toBeUndefined();
    });

    test('undo gives back what was there, also twice', async () => {
      const host = await machine();
      const before = host.snapshot();
      const undo = await provider.undo(resource, host, vaultOn(host));
      expect(host.snapshot(), 'to look for the way back changes nothing').toEqual(before);
      // It must survive a crash: JSON is what the journal holds.
      const written: Undo = JSON.parse(JSON.stringify(undo));
      await provider.apply(resource, host);
      await undoNow(written, host);
      expect(host.snapshot()).toEqual(before);
      await undoNow(written, host);
      expect(host.snapshot()).toEqual(before);
    });

    test('undo of what was not done yet does nothing', async () => {
      const host = await machine();
      const before = host.snapshot();
      await undoNow(await provider.undo(resource, host, vaultOn(host)), host);
      expect(host.snapshot()).toEqual(before);
    });

    test('applied twice is applied once', async () => {
      const host = await machine();
      await provider.apply(resource, host);
      const once = host.snapshot();
      await provider.apply(resource, host);
      expect(host.snapshot()).toEqual(once);
    });
  });

  test('a title for people', () => expect(provider.title(resource)).toMatch(/^[\w/]/));
}
