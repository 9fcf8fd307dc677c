// Checks the file of users: the registry reads bcrypt alone, ignores every other line, and makes a user of its own without the file.
import { join } from 'node:path';
import { readHtpasswd } from '../../server/auth/htpasswd.ts';
import { checkUser } from '../../settings/validation.ts';
import { quoted } from '../../terminal/shell.ts';
import { shown } from '../../terminal/visible.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { here, trouble } from '../found.ts';

/** A whole hash. (en.wikipedia.org/wiki/Bcrypt, "Description") */
const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;

async function look(input: CheckInput): Promise<Trouble[]> {
  const { context, server } = input;
  if (server?.settings.auth !== 'htpasswd') return [];
  const path = join(server.settings.dir, 'auth/htpasswd');
  const copy = quoted(`${path}.new`);
  const bytes = await context.host.read(path);
  if (!bytes)
    return [
      trouble('htpasswd-missing', `${path} is not there: nobody who is known can log in.`, {
        mend: [here(input, '--yes')],
      }),
    ];
  // What PowerShell writes.
  if (/^(?:\xff\xfe|\xfe\xff|\xef\xbb\xbf)/.test(bytes.toString('latin1', 0, 3)) || bytes.includes(0))
    return [
      trouble('htpasswd-encoding', `${path} is not plain ASCII: the registry reads no user in it.`, {
        mend: [
          `iconv -f UTF-16 -t UTF-8 ${quoted(path)} | tr -d '\\r' > ${copy} && cat ${copy} > ${quoted(path)} && rm ${copy}`,
        ],
      }),
    ];
  const lines = bytes.toString().split(/\r?\n/);
  const wrong = lines.flatMap((line) => {
    if (line.trim() === '' || line.trim().startsWith('#')) return [];
    const [login] = readHtpasswd(line);
    return login && BCRYPT.test(login.hash) ? [] : [line.split(':')[0]?.trim() ?? ''];
  });
  if (wrong.length === 0) return [];
  const names = wrong.map(shown);
  return [
    trouble(
      'htpasswd-not-bcrypt',
      `${path} has lines that are no bcrypt: the registry refuses ${names.join(', ')}.`,
      {
        mend: wrong.map((name) =>
          checkUser(name)
            ? `Remove the line of "${shown(name)}" from ${path}`
            : here(input, `user ${server.settings.users.includes(name) ? 'password' : 'add'} ${name}`),
        ),
      },
    ),
  ];
}

/** Reports users that the registry does not know, though they are in its file. */
export const htpasswd: Check = {
  code: 'htpasswd',
  subject: 'login',
  title: 'the registry can read every user in its file',
  on: 'server',
  look,
};
