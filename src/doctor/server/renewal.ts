// Checks that the CA gives out the next certificate: the present one works until its end, and then nothing does.
import { readNotes, refusalIn } from '../../server/notes.ts';
import { serverName } from '../../settings/acme.ts';
import type { Check } from '../check.ts';
import { here, trouble } from '../found.ts';

export const renewal: Check = {
  code: 'renewal',
  subject: 'machine',
  title: 'the certificate is renewed by its CA',
  on: 'server',
  async look(input) {
    const { server, context } = input;
    if (!server?.settings.acme) return [];
    const refused = refusalIn(await readNotes(context.host, server.settings.dir));
    if (!refused) return [];
    const who = serverName(server.settings);
    return [
      trouble('renewal-refused', `The last order of a certificate at ${who} failed.`, {
        severity: 'risk',
        mend: [here(input, 'rotate')],
        evidence: `${refused.at} ${refused.why}`,
      }),
    ];
  },
};
