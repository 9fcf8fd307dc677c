// Tells what an upgrade will do and what it changes for the person, and asks for the yes, or the two, that it needs.
import { type Context, isOn } from '../context.ts';
import { CliError, Declined } from '../errors.ts';
import { type Upgrade, upgradeTexts } from '../server/maintenance/upgrade/judge.ts';
import { TITLE } from '../server/maintenance/upgrade/wanted.ts';
import { presentConfig } from '../server/plan/serving.ts';
import { newsOfThree, newsOfTwo, schemaOneLines } from '../server/screens/upgrade.ts';
import { publicAddress } from '../settings/public-address.ts';
import type { Settings } from '../settings/settings.ts';
import { commandLine, imageCommand } from '../terminal/command.ts';
import { count } from '../terminal/output.ts';
import { agree } from './consent.ts';

/** Says what will happen and what changes, and asks. @throws CliError (exit 2) if --yes does not say enough; Declined */
export async function consentTo(
  context: Context,
  settings: Settings,
  upgrades: Upgrade[],
  old: string[],
): Promise<void> {
  const { output } = context;
  const news = await newsFor(context, settings, upgrades);
  output.say(
    '',
    ...upgrades.map((one) => `  ${TITLE[one.role].padEnd(14)}${upgradeTexts(one).join(' → ')}`),
    '',
    '  The new image is tried beside the one that runs, on the same images, which it cannot change. Then it takes',
    '  its place: new connections wait for about a second. If something is wrong, what runs now stays, or comes back.',
    ...(news.length > 0 ? ['', '  What changes:', ...news.map((line) => `  - ${line}`)] : []),
    ...(old.length > 0 ? ['', ...schemaOneLines(old).map((line) => `  ${line}`)] : []),
    '',
  );
  const isSaid = old.length === 0 || isOn(context, 'cut-off');
  if (!isSaid && isOn(context, 'yes')) throw unspoken(old);
  await agree(context, `Upgrade ${publicAddress(settings).name}?`, isSaid);
  if (isSaid) return;
  const prompts = await context.prompts();
  const message = `${count(old.length, 'image')} can then no longer be pulled. Upgrade all the same?`;
  if (!(await prompts.confirm({ message, default: false }))) throw new Declined();
}

function unspoken(old: string[]): CliError {
  return new CliError(
    `Registry 3 does not serve ${count(old.length, 'image')} of schema 1. Nothing was changed.`,
    {
      fix: [
        `If they may go:        ${imageCommand(`remove ${old[0]}`)}`,
        `If they may be lost:   ${commandLine('upgrade --yes --cut-off')}`,
        `Stay with registry 2:  ${commandLine('upgrade --image registry:2')}`,
      ],
      exitCode: 2,
    },
  );
}

async function newsFor({ host }: Context, settings: Settings, upgrades: Upgrade[]): Promise<string[]> {
  const registry = upgrades.find(({ role }) => role === 'registry');
  if (registry?.from.major === 3 && registry.to.major === 2) return newsOfTwo(settings);
  if (registry?.from.major !== 2 || registry.to.major === 2) return [];
  const config = ((await presentConfig(host, settings.dir)) ?? {}) as Record<string, unknown>;
  return newsOfThree({ settings, config, variables: registry.from.variables });
}
