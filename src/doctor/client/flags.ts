// Checks the flags in the files that start dockerd: some are misspelt, some are in files that nothing reads, some collide with daemon.json.
import { type Conflict, findConflicts, findFlagLines } from '../../dockerd/flags.ts';
import type { Directive } from '../../dockerd/types.ts';
import { shown } from '../../terminal/visible.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { type Dockerd, dockerds, trouble } from '../found.ts';
import { contentOf } from './daemon-json.ts';

const DIRECTIVES: Directive[] = ['insecure-registries', 'registry-mirrors'];
/** As tutorials write them, and as they are. */
const MISSPELT = {
  '--insecure-registries': '--insecure-registry',
  '--insecure-registrys': '--insecure-registry',
  '--registry-mirrors': '--registry-mirror',
};

const place = ({ file, line }: Conflict) => `${file}, line ${line}`;
const files = (found: Conflict[]) => found.filter(({ kind }) => kind !== 'process');

async function misspelt({ host }: CheckInput['context'], { daemon, info }: Dockerd): Promise<Trouble[]> {
  const all = await Promise.all(
    Object.entries(MISSPELT).map(async ([wrong, right]) => {
      const found = files(await findFlagLines(host, wrong, daemon));
      return found.map((line) => {
        const what = line.active
          ? info
            ? 'Docker will not start again'
            : 'Docker does not start'
          : 'nothing reads it';
        return trouble(
          'flag-misspelt',
          `${place(line)}, has the flag ${wrong}, which dockerd does not know: ${what}.`,
          {
            severity: line.active && !info ? 'broken' : 'risk',
            mend: [`Write instead:   ${line.values.map((value) => `${right}=${shown(value)}`).join(' ')}`],
            evidence: line.text,
          },
        );
      });
    }),
  );
  return all.flat();
}

async function about(input: CheckInput, dockerd: Dockerd, directive: Directive): Promise<Trouble[]> {
  const { daemon, info } = dockerd;
  const found = await findConflicts(input.context.host, directive, { unit: daemon.unit, uid: daemon.uid });
  const unread = files(found).filter(({ active }) => !active);
  const read = found.filter(({ active }) => active);
  const value = await contentOf(input, dockerd);
  const collides = read.length > 0 && value?.[directive] !== undefined;
  const values = (list: Conflict[]) => [...new Set(list.flatMap((one) => one.values))];
  const member = (list: Conflict[]) => `"${directive}": ${JSON.stringify(values(list).map(shown))}`;
  // A value that dockerd has in another way is no loss.
  const known = [...(info?.insecure ?? []), ...(info?.mirrors.map((url) => url.replace(/\/$/, '')) ?? [])];
  const lost = unread.filter((one) => one.values.some((entry) => !known.includes(entry.replace(/\/$/, ''))));
  return [
    ...lost.map((one) =>
      trouble('flag-not-read', `${place(one)}, has flags of dockerd, and nothing reads that file.`, {
        severity: 'risk',
        mend: [`Write into ${daemon.config}:   ${member([one])}`, 'Then:   systemctl reload docker'],
        evidence: one.text,
      }),
    ),
    ...(collides
      ? [
          trouble(
            'flag-conflict',
            `dockerd is started with a flag (${files(read).map(place).join('; ') || 'its command line'}), and "${directive}" is in ${daemon.config} as well: ${info ? 'it will not start again, and does not reload' : 'it does not start'}.`,
            {
              severity: info ? 'risk' : 'broken',
              mend: [
                `Keep the list in ${daemon.config}, with ${values(read).map(shown).join(', ')} in it; remove the flag, then:`,
                '  systemctl daemon-reload && systemctl restart docker',
              ],
              evidence: files(read)[0]?.text,
            },
          ),
        ]
      : []),
  ];
}

/** Reports flags of dockerd that count for nothing, or that stop it. */
export const flags: Check = {
  code: 'flags',
  subject: 'files',
  title: 'the flags of dockerd are spelt right, read, and in one place',
  on: 'both',
  async look(input) {
    const all = (await dockerds(input)).flatMap((one) => [
      misspelt(input.context, one),
      ...DIRECTIVES.map((directive) => about(input, one, directive)),
    ]);
    return (await Promise.all(all)).flat();
  },
};
