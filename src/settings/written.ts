// Writes settings as the lines of settings.yml, and as the flags that give them again.
import { SETTING_NAMES, type SettingName, settingRow } from './flags.ts';
import { hasRoles } from './gateway.ts';
import type { Given } from './meaning.ts';
import { isUsual } from './resolve.ts';
import type { Settings } from './settings.ts';

/**
 * Returns the settings that have a value, in the order of settings.yml.
 * @param token with those of token mode
 */
function written(settings: Settings, token: boolean): [SettingName, Given][] {
  const below = (name: SettingName) => settingRow(name).below ?? 0;
  const belongs = (name: SettingName) => {
    const { tokenMode } = settingRow(name);
    return token || !tokenMode || (tokenMode === 'or gateway' && settings.readers.length > 0);
  };
  return SETTING_NAMES.filter(belongs)
    .sort((one, other) => below(one) - below(other))
    .flatMap((name) => {
      const value = settings[settingRow(name).setting];
      return value === undefined ? [] : [[name, value]];
    });
}

/**
 * Returns the settings under the names of the flags: the content of settings.yml. No secret is among them. Those of token mode are there
 * if it was ever used.
 */
export const asAnswers = (settings: Settings): Record<string, Given> =>
  Object.fromEntries(written(settings, settings.auth === 'token' || settings.readers.length > 0));

/** Returns the flags that give these settings again, without the directory. Omits defaults, but never lists. */
export function asFlags(settings: Settings): string[] {
  // Another mode would refuse readers that are only kept.
  const roles = hasRoles(settings) ? settings : { ...settings, readers: [] };
  return written(roles, settings.auth === 'token').flatMap(([name, value]) => {
    if (Array.isArray(value)) return value.flatMap((item) => [`--${name}`, item]);
    if (isUsual(name, settings)) return [];
    if (typeof value === 'boolean') return [value ? `--${name}` : `--no-${name}`];
    return [`--${name}`, String(value)];
  });
}
