// Settings written down and read again: nothing is lost on the way, whatever was answered.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { sameRun } from '../../../src/server/screens/summary.ts';
import type { Answers } from '../../../src/settings/answers.ts';
import { readAnswers, readArguments } from '../../../src/settings/arguments.ts';
import {
  FLAG_NAMES,
  flag,
  SETTING_NAMES,
  type SettingName,
  settingRow,
} from '../../../src/settings/flags.ts';
import { hasRoles } from '../../../src/settings/gateway.ts';
import { type Given, setting } from '../../../src/settings/meaning.ts';
import { resolveSettings } from '../../../src/settings/resolve.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { asAnswers } from '../../../src/settings/written.ts';
import { editSettings, readYaml } from '../../../src/templates.ts';

/** Values that are not the default, for every setting. */
const VALUES: Record<SettingName, Given[]> = {
  'external-url': ['https://hub.example.com', 'http://hub.lan:8080'],
  host: ['reg.example.org', '[fd00::9]', '10.0.0.9'],
  port: [443, 30_001],
  bind: ['127.0.0.1', '::'],
  storage: ['/mnt/my images', "/mnt/it's"],
  auth: ['none', 'token'],
  'token-realm': ['https://gitlab.corp/jwt/auth', 'https://kc.corp/realms/main/protocol/docker-v2/auth'],
  'token-cert': ['/srv/token.crt', '/srv/a b/keys.json'],
  'token-issuer': ['omnibus-gitlab-issuer', 'https://kc.corp/realms/main'],
  'token-service': ['container_registry'],
  user: [['ci'], ['b', 'a', 'no'], ['0x1f', '123']],
  reader: [['r'], ['r:team/*', 'r:other', 'true']],
  'anonymous-pull': [true],
  'auth-port': [5443],
  'auth-image': [`mirror.example:5000/docker_auth:1@sha256:${'a'.repeat(64)}`],
  gateway: [true],
  ui: [true],
  'ui-image': ['mirror.example:5000/ui:2'],
  'ui-title': ['Images of <us> & "them"'],
  tls: ['insecure', 'self-signed'],
  san: [['*.example.org', 'fd00::9', '10.0.0.1']],
  days: [30],
  'key-type': ['rsa'],
  acme: ['ops@corp.example'],
  'acme-server': ['https://ca.corp.example/acme/acme/directory'],
  'acme-dns-hook': ['/usr/local/bin/dns hook'],
  'acme-eab-kid': ['kid-1'],
  'acme-eab-key-file': ['/root/eab.key'],
  cert: ['/srv/a b/site.pem'],
  key: ['/srv/a b/site.key'],
  'ca-cert': ['/srv/ca.pem'],
  'ca-key': ['/srv/$HOME/ca.key'],
  'open-port': [false, true],
  'hosts-line': [false, true],
  renew: [false],
  delete: [false],
  prune: [true],
  'keep-last': [10],
  'older-than': ['30d'],
  match: [['team/*', '*:pr-*']],
  'keep-tags': [['v*', 'latest']],
  untagged: [true],
  image: ['registry:2'],
  engine: ['podman', 'native'],
  name: ['007', 'my_registry.2'],
};

const DIRS = ['/opt/registry', '/srv/other'];
const place = (dir: string) => ({ dir, host: '10.0.3.17' });

/** A stream of the same numbers in each run; 0 to `below`, without it. */
function numbers(seed: number) {
  let state = seed;
  return (below: number) => {
    // Mulberry32: the numbers that follow each other in one round do not depend on each other.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Leaves what goes with --acme: without this, hardly any answers would. */
function fitToAcme(answers: Answers): void {
  for (const name of ['cert', 'key', 'ca-key', 'tls', 'san'] as const) delete answers[name];
  answers.host = { value: 'reg.example.org', where: '--host' };
  const [kid, file] = [answers['acme-eab-kid'], answers['acme-eab-key-file']];
  if (!kid || !file) for (const name of ['acme-eab-kid', 'acme-eab-key-file'] as const) delete answers[name];
}

/** Hundreds of answers that fit together, with every value of VALUES among them. */
function* answered(): Generator<{ settings: Settings; said: string[] }> {
  const pick = numbers(1);
  for (let i = 0; i < 4000; i++) {
    const answers: Answers = {};
    for (const name of SETTING_NAMES) {
      const value = VALUES[name][pick(VALUES[name].length)];
      if (pick(4) === 0 && value !== undefined) answers[name] = { value, where: `--${name}` };
    }
    // The answers about a token server make sense together alone.
    if (answers['token-realm']) {
      answers.auth = { value: 'token', where: '--auth' };
      for (const name of ['token-cert', 'token-issuer'] as const)
        answers[name] ??= { value: VALUES[name][pick(2)] as string, where: `--${name}` };
      for (const name of ['user', 'reader', 'anonymous-pull', 'auth-port', 'auth-image', 'prune'] as const)
        delete answers[name];
    } else for (const name of ['token-cert', 'token-issuer', 'token-service'] as const) delete answers[name];
    // The URL has the name.
    if (answers['external-url']) delete answers.host;
    if (answers.acme) fitToAcme(answers);
    const result = resolveSettings(answers, place(DIRS[i % DIRS.length] ?? ''));
    const said = Object.entries(answers).map(([name, { value }]) => `${name}: ${value}`);
    if ('settings' in result) yield { settings: result.settings, said };
  }
}
const ALL = [...answered()];

test('every value of every setting is tried', () => {
  const tried = new Set(ALL.flatMap(({ said }) => said));
  const wanted = SETTING_NAMES.flatMap((name) => VALUES[name].map((value) => `${name}: ${value}`));
  expect(wanted.filter((line) => !tried.has(line))).toEqual([]);
});

test('each property of the settings has one row', () => {
  const keys = SETTING_NAMES.map((name) => settingRow(name).setting);
  expect([...new Set(keys)]).toEqual(keys);
});

test('settings.yml gives the same settings again', () => {
  for (const { settings } of ALL) {
    const text = editSettings(undefined, asAnswers(settings));
    const answers = readAnswers('settings.yml', readYaml(text, 'settings.yml'));
    // Token mode that was never used is not written; what was answered about it then is forgotten.
    const kept = { ...settings, ...(settings.auth !== 'token' && settings.readers.length === 0 && TOKEN) };
    expect(resolveSettings(last(answers), { dir: settings.dir }), text).toEqual({ settings: kept });
    expect(editSettings(text, asAnswers(settings))).toBe(text);
  }
});

test('the line for the same run, read by a shell, gives the same settings again', () => {
  const runs = ALL.map(({ settings }) => ({ settings, line: sameRun(settings) }));
  const words = shellWords(runs.map(({ line }) => line.slice(line.indexOf('--yes'))));
  runs.forEach(({ settings, line }, i) => {
    const { command, answers } = readArguments(words[i] ?? []);
    expect(command).toBe('setup');
    const wanted = {
      ...settings,
      ...(settings.auth !== 'token' && {
        ...TOKEN,
        ...(hasRoles(settings) && { readers: settings.readers }),
      }),
      // A firewall is opened without a word, where one is in the way.
      ...(settings.openPort === true && { openPort: undefined }),
    };
    const result = resolveSettings(answers, place(DIRS[0] ?? ''));
    expect('settings' in result ? { openPort: undefined, ...result.settings } : result, line).toEqual({
      openPort: undefined,
      ...wanted,
    });
  });
});

/** What stands where token mode was never used. */
const TOKEN = {
  readers: [],
  anonymousPull: false,
  authPort: 5001,
  authImage: 'cesanta/docker_auth:1',
} satisfies Partial<Settings>;

const last = (answers: Answers): Answers =>
  Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, { ...answer, last: true }]));

/** The words of command lines, as a shell splits them. */
function shellWords(lines: string[]): string[][] {
  const script = lines.map((line) => `printf '%s\\001' ${line}; printf '\\002'`).join('\n');
  const text = execFileSync('sh', { input: script, maxBuffer: 2 ** 26 }).toString();
  return text.split('\u0002').map((words) => words.split('\u0001').slice(0, -1));
}

test('every default passes its own check', () => {
  for (const name of SETTING_NAMES) {
    const { default: usual, check } = settingRow(name);
    if (usual !== undefined && !(usual instanceof Function)) expect(check?.(usual), name).toBeUndefined();
  }
});

test('the help shows every default that is a value, except for switches', () => {
  for (const name of FLAG_NAMES) {
    const { default: usual, help, kind } = flag(name);
    if (kind === 'switch') expect(help, name).not.toContain('{default}');
    else if (usual !== undefined && !(usual instanceof Function)) expect(help, name).toContain('{default}');
  }
});

test('the compiler reports a wrong row', () => {
  // @ts-expect-error There is no such property.
  setting('autPort', { default: 5001 });
  // @ts-expect-error A setting that is always there has a default.
  setting('authPort', {});
  // @ts-expect-error The default is of the wrong type.
  setting('authPort', { default: '5001' });
  // @ts-expect-error The default is no engine.
  setting('engine', { default: 'dokcer' });
});
