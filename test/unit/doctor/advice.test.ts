// Every command of this program in the advice is one that it takes: on the server, and on a machine without a registry.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BUILT } from '../../../src/commands/help.ts';
import { explain } from '../../../src/doctor/explain/explain.ts';
import type { OwnRegistry } from '../../../src/doctor/explain/message.ts';
import { readArguments } from '../../../src/settings/arguments.ts';

const FOLDER = new URL('words/', import.meta.url);
const TEXTS = readdirSync(FOLDER).flatMap((file) =>
  readFileSync(new URL(file, FOLDER), 'utf8').split(/^== .*$/m),
);
const OWN: OwnRegistry = {
  address: '172.19.0.2:5000',
  names: ['172.19.0.2'],
  ports: [5000],
  tls: true,
  dir: '/srv/r',
  log: 'docker logs registry',
};

const explainAll = (text: string) => text.split(/^== .*$/m).flatMap((one) => explain(one, undefined));
const said = [undefined, OWN].flatMap((own) => TEXTS.flatMap((text) => explain(text, own)));

/** Returns the words of each call of this program in a line. What stands for a value gets one. */
const calls = (line: string): string[][] =>
  [...line.matchAll(/registry-setup((?: [\w@./:%=,[\]*-]+)*)/g)].map(([, words = '']) =>
    words
      .trim()
      .split(' ')
      .filter(Boolean)
      .map((word) => ({ PORT: '5000', IP: '10.0.0.1', ADDRESS: '10.0.0.1' })[word] ?? word),
  );

test('they are commands of this version, with flags and words that they take', () => {
  const all = new Set(said.flatMap(({ mend }) => mend.flatMap(calls)).map((words) => words.join(' ')));
  expect(all.size).toBeGreaterThan(20);
  for (const line of all) {
    const words = line.split(' ').filter(Boolean);
    expect(() => readArguments(words), line).not.toThrow();
    expect(BUILT, line).toContain(readArguments(words).command);
  }
});

test('each cause is one sentence, and each has something that helps', () => {
  for (const { cause, mend, code } of said) {
    expect(cause, code).toMatch(/^\S.*[.)]$/);
    expect(mend.length, code).toBeGreaterThan(0);
    expect(`${cause} ${mend.join(' ')}`, code).not.toMatch(/undefined|\[object/);
  }
});

test('what podman says is mended with podman, and what Docker says with Docker', () => {
  const advised = (file: string) =>
    explainAll(readFileSync(new URL(file, FOLDER), 'utf8'))
      .filter(({ code }) => ['wrong-password', 'no-login', 'unknown-authority'].includes(code))
      .map(({ mend }) => mend.join('\n'));
  const [podman, docker] = [advised('podman-5.4.2.txt'), advised('docker-28.5.2-containerd-store.txt')];
  expect(podman.length).toBeGreaterThan(3);
  expect(docker.length).toBeGreaterThan(3);
  expect(podman.join('\n')).toContain('podman login 172.19.0.2:6010');
  for (const one of podman) expect(one).not.toMatch(/docker/);
  for (const one of docker) expect(one).not.toMatch(/podman/);
});
