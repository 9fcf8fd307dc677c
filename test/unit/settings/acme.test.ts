// What goes with --acme and what does not; which names no public CA issues for.
import { expect, test } from 'vitest';
import { InputError } from '../../../src/errors.ts';
import { privateName } from '../../../src/settings/acme.ts';
import type { Answers } from '../../../src/settings/answers.ts';
import { readArguments } from '../../../src/settings/arguments.ts';
import { mergeAnswers, resolveSettings } from '../../../src/settings/resolve.ts';
import type { Settings } from '../../../src/settings/settings.ts';

const DEFAULTS = { host: '10.0.3.17', dir: '/opt/registry' };
const said = (line: string): Answers => readArguments(line.split(' ')).answers;
const last = (line: string): Answers =>
  Object.fromEntries(Object.entries(said(line)).map(([name, answer]) => [name, { ...answer, last: true }]));

function settings(now: Answers, before: Answers = {}): Settings {
  const result = resolveSettings(mergeAnswers(now, before), DEFAULTS);
  if ('problems' in result) throw new InputError(result.problems);
  return result.settings;
}

const GOOD = '--host reg.corp.de --acme ops@corp.de';

test.each<[string, string]>([
  ['--acme ops@corp.de', '--host: no public CA issues a certificate for 10.0.3.17: it is an IP address'],
  ['--host reg --acme ops@corp.de', '--host: no public CA issues a certificate for reg: it has no domain'],
  ['--host reg.local --acme ops@corp.de', 'names that end in .local are of one network alone'],
  [`${GOOD} --san 10.0.0.9`, '--san: no public CA issues a certificate for 10.0.0.9'],
  [`${GOOD} --san *.corp.de`, '--san: *.corp.de can be proven by DNS alone'],
  [`${GOOD} --port 80`, '--port: port 80 is where the CA looks at the name'],
  ['--host reg.corp.de --acme ops', '--acme: "ops" is no mail address'],
  [`${GOOD} --acme-server http://ca.corp.de/dir`, 'is no address that begins with https://'],
  [`${GOOD} --acme-server https://u:p@ca.corp.de/`, 'an address has no password in it'],
  [`${GOOD} --cert /x`, '--acme: is another source of the certificate than --cert'],
  [`${GOOD} --tls self-signed`, '--acme: goes with --tls ca-signed, not with self-signed'],
  [`${GOOD} --acme-eab-kid k`, '--acme-eab-kid: the id and the key of an account belong together'],
  ['--host reg.corp.de --acme-dns-hook /x', '--acme-dns-hook: goes with --acme EMAIL'],
])('%s is refused', (line, message) => {
  expect(() => settings(said(line))).toThrow(message);
});

test.each<[string, Partial<Settings>]>([
  [`${GOOD} --san *.corp.de --acme-dns-hook /hook`, { acmeDnsHook: '/hook', san: ['*.corp.de'] }],
  ['--host reg --acme a@b.de --acme-server https://ca/acme', { host: 'reg', acmeServer: 'https://ca/acme' }],
  ['--host reg.local --acme a@b.de --acme-server https://ca/acme', { host: 'reg.local' }],
  [`${GOOD} --ca-cert /root.pem`, { caCert: '/root.pem' }],
])('%s is accepted', (line, wanted) => {
  expect(settings(said(line))).toMatchObject({ acme: expect.any(String), ...wanted });
});

test('a registry leaves ACME by an empty word, and its options with it', () => {
  const before = last(`${GOOD} --tls ca-signed --acme-server https://ca.corp.de/dir`);
  expect(settings({}, before)).toMatchObject({ acme: 'ops@corp.de', acmeServer: 'https://ca.corp.de/dir' });
  const left = settings({ acme: { value: '', where: '--acme' } }, before);
  expect([left.acme, left.acmeServer]).toEqual([undefined, undefined]);
  expect(() => settings(said('--cert /x'), before)).toThrow('this registry has its certificate by --acme');
  expect(() => settings(said('--tls self-signed'), before)).toThrow('goes with --tls ca-signed');
});

test.each(['reg.corp.de', 'REG.Example.COM', '*.corp.de', 'xn--bcher-kva.de', 'local.de', 'home.net'])(
  '%s may be public',
  (name) => expect(privateName(name)).toBeUndefined(),
);

test.each(['10.0.0.1', '[fd00::1]', 'localhost', 'nas.home.arpa', 'a.internal', '*.lan', 'x.test'])(
  '%s is not',
  (name) => expect(privateName(name)).toBeDefined(),
);
