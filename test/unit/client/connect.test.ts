// Where a registry is: what was said, else what this machine's resolver says.
import { expect, test } from 'vitest';
import { UnknownName, whereIs } from '../../../src/client/connect.ts';
import type { ClientRequest } from '../../../src/client/options.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

const request = (more: Partial<ClientRequest>) =>
  ({ host: 'reg.example', port: 5000, ...more }) as ClientRequest;

test('an address that was said comes before what the name resolves to', async () => {
  const host = fakeHost();
  host.names['reg.example'] = '192.0.2.7';
  expect(await whereIs(request({}), host)).toBe('192.0.2.7');
  expect(await whereIs(request({ address: '192.0.2.8' }), host)).toBe('192.0.2.8');
  expect(await whereIs(request({ host: '[2001:db8::1]' }), host)).toBe('2001:db8::1');
});

test('a name that does not exist has another error than name servers that do not answer', async () => {
  const host = fakeHost();
  const refusal = () => whereIs(request({}), host).catch((error: unknown) => error);
  expect(await refusal()).toBeInstanceOf(UnknownName);
  expect(await refusal()).toMatchObject({ message: 'No name server knows "reg.example".' });
  host.lookup = async () => {
    throw Object.assign(new Error('getaddrinfo EAI_AGAIN reg.example'), { code: 'EAI_AGAIN' });
  };
  expect(await refusal()).toMatchObject({
    message: 'The name server does not answer for "reg.example" (EAI_AGAIN).',
  });
});
