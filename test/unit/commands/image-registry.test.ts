// `image list` of a registry that breaks off, or speaks another language, and a user who has waited long enough.
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { image } from '../../../src/commands/image.ts';
import type { Context } from '../../../src/context.ts';
import { CliError, Interrupted } from '../../../src/errors.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { readArguments } from '../../../src/settings/arguments.ts';
import { listening } from '../../helpers/listening.ts';
import { silent } from '../../helpers/run.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

/** Asks a registry that answers to /v2/, and to the rest as it likes. */
async function failureOf(
  rest: RequestListener,
  signal = new AbortController().signal,
  line = 'list',
): Promise<unknown> {
  const port = await listening(
    createServer((request, reply) => (request.url === '/v2/' ? reply.end('{}') : rest(request, reply))),
  );
  const home = temporaryDirectory();
  const words = ['image', ...line.split(' '), '--host', `http://127.0.0.1:${port}`];
  const { operands, answers } = readArguments(words);
  const context: Context = {
    answers: { dir: { value: join(home, 'none'), where: '--dir' }, ...answers },
    operands,
    line: 'registry-setup image',
    host: realHost(signal),
    uninterruptible: realHost(),
    output: silent(),
    signal,
    env: { HOME: home },
    prompts: async () => expect.unreachable(),
  };
  return image(context).catch((error) => error);
}

test.each<[string, RequestListener]>([
  ['broke off the connection', (request) => request.socket.destroy()],
  [
    'broke off the connection',
    (request, reply) => {
      reply.writeHead(200, { 'content-length': 100 });
      reply.write('{', () => request.socket.destroy());
    },
  ],
  ['does not speak HTTP', (request) => request.socket.end('220 mail.example ESMTP\r\n')],
  ['sends a longer answer', (_, reply) => reply.end('x'.repeat(17 * 1024 * 1024))],
])('a registry that %s is called by its name', async (words, rest) => {
  const error = await failureOf(rest);
  expect(error).toBeInstanceOf(CliError);
  expect((error as CliError).message).toMatch(new RegExp(`^127.0.0.1:\\d+ ${words}`));
});

test('Ctrl-C during a list is an interruption', async () => {
  const controller = new AbortController();
  expect(await failureOf(() => controller.abort(), controller.signal)).toBeInstanceOf(Interrupted);
});

/** Has team/app:1.0. */
const small: RequestListener = (request, reply) => {
  const { pathname } = new URL(request.url ?? '', 'http://x');
  if (pathname === '/v2/_catalog') return reply.end('{"repositories":["team/app"]}');
  if (pathname === '/v2/team/app/tags/list') return reply.end('{"tags":["1.0"]}');
  return reply.writeHead(404).end();
};

test.each([
  ['list team/app:2.0', 'team/app has no tag 2.0.'],
  ['list team/*:v*', 'Nothing in 127.0.0.1:'],
  ['prune --older-than 3x', '--older-than: "3x" is no age'],
])('image %s is an error', async (line, message) => {
  const error = await failureOf(small, undefined, line);
  expect(error).toBeInstanceOf(CliError);
  expect((error as CliError).message).toContain(message);
});

test('a command to paste leads to the same registry', async () => {
  const error = (await failureOf(small, undefined, 'list nobody')) as CliError;
  expect(error.fix[0]).toMatch(/registry-setup image list --host http:\/\/127\.0\.0\.1:\d+$/);
});
