// A small public-key infrastructure that openssl made: a root, a CA below it, and a server's certificate.
import { InputError } from '../../src/errors.ts';
import { CA, type MadeCertificate, SITE, type Wish, type Workshop } from './openssl.ts';

export const HOST = 'registry.example';
export const ADDRESS = '10.0.3.17';
export const IDS = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid:always'];

const DAY = 86_400_000;
export const inDays = (days: number) => new Date(Date.now() + days * DAY);

export function authorities({ make }: Workshop) {
  const authority = (name: string, by?: MadeCertificate, wish: Wish = {}) =>
    make({ subject: `/CN=${name}`, extensions: [...CA, ...IDS], days: 1000, ...(by && { by }), ...wish });
  const server = (by?: MadeCertificate, wish: Wish = {}, names = `DNS:${HOST},IP:${ADDRESS}`) => {
    const extensions = [...SITE, ...IDS, `subjectAltName=${names}`];
    return make({ subject: '/CN=site', extensions, ...(by && { by }), ...wish });
  };
  const root = authority('root');
  const middle = authority('middle', root);
  return { authority, server, root, middle, site: server(middle) };
}

/** What a person reads who is refused: every problem, a line each. */
export async function refusal(attempt: () => unknown): Promise<string> {
  const error: unknown = await Promise.resolve()
    .then(attempt)
    .catch((thrown) => thrown);
  if (!(error instanceof InputError)) throw new Error(`Not refused: ${error}`);
  return error.message;
}
