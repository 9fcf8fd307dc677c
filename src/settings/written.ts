// Settings as they are written down: the lines of settings.yml, and the flags that give them again.
import { SETTING_NAMES, type SettingName, settingRow } from './flags.ts';
import type { Given } from './meaning.ts';
import { isUsual } from './resolve.ts';
import type { Settings } from './settings.ts';

/** The settings that are there, in the order of settings.yml. What belongs to token mode is left out where it was never used. */
function written(settings: Settings): [SettingName, Given][] {
  const token = settings.auth === 'token' || settings.readers.length > 0;
  const below = (name: SettingName) => settingRow(name).below ?? 0;
  return SETTING_NAMES.filter((name) => token || !settingRow(name).tokenMode)
    .sort((one, other) => below(one) - below(other))
    .flatMap((name) => {
      const value = settings[settingRow(name).setting];
      return value === undefined ? [] : [[name, value]];
    });
}

/** The settings under the names of the flags: what settings.yml holds. No secret is among them. */
export const asAnswers = (settings: Settings): Record<string, Given> => Object.fromEntries(written(settings));

/** The flags that give these settings again, but for the directory. What is the default is left out; lists are always there. */
export function asFlags(settings: Settings): string[] {
  // Readers that are only kept would be refused in another mode.
  const roles = settings.auth === 'token' ? settings : { ...settings, readers: [] };
  return written(roles).flatMap(([name, value]) => {
    if (Array.isArray(value)) return value.flatMap((item) => [`--${name}`, item]);
    if (isUsual(name, settings)) return [];
    if (typeof value === 'boolean') return [value ? `--${name}` : `--no-${name}`];
    return [`--${name}`, String(value)];
  });
}
