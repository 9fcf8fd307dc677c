// Tells whether a server refused TLS because it does not speak it.

/** What a client of TLS gets from a server without TLS. (nodejs.org/api/errors.html, "OpenSSL error codes") */
const NO_TLS = ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'];

/** Tells whether a handshake failed because the server does not speak TLS. */
export const isNoTls = (error: unknown): boolean =>
  NO_TLS.includes((error as NodeJS.ErrnoException)?.code ?? '') ||
  /wrong version number|packet length/i.test((error as Error)?.message ?? '');
