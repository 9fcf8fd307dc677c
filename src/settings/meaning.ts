// What a row of the table of flags says about its setting: the default, what it may be, and what becomes of it.
import type { Defaults, EngineWish, Settings } from './settings.ts';
import type { Wrong } from './validation.ts';

/** What is typed, or stands in a file. */
export type Given = string | number | boolean | string[];

/** The settings of the rows above, and the directory: what a default may depend on. */
export type Decided = Partial<Settings> & Pick<Settings, 'dir'>;

/** What a row says about its setting, when its property of Settings is a `T` that is typed as a `G`. */
export interface Meaning<T, G> {
  /** What stands there when nobody says it; undefined: the setting is left out. */
  default?: G | ((decided: Decided, defaults: Defaults) => G);
  /** How the help says the default, where that is no value. */
  defaultWords?: string;
  /** What is wrong with a value; asked about the default too. */
  check?(value: G): Wrong | undefined;
  /** The setting that a value stands for, where it is another one; undefined: the setting is left out. */
  becomes?(value: G, decided: Decided, defaults: Defaults): T | undefined;
  /** Belongs to `--auth token`: the help says so, and it is written down only where that was used. */
  tokenMode?: true;
  /** Where a new settings.yml has it: below all with a lower number (0). */
  below?: 1 | 2;
}

type Typed<K extends keyof Settings> = K extends 'engine' ? EngineWish : NonNullable<Settings[K]>;
/** A setting that is always there has a default. */
type Row<K extends keyof Settings> = Meaning<NonNullable<Settings[K]>, Typed<K>> &
  (object extends Pick<Settings, K> ? unknown : { default: unknown });

/** The part of a row that is about its setting. `key`: its property of Settings. */
export const setting = <K extends keyof Settings, const R extends Row<K>>(key: K, row: R) => ({
  ...row,
  setting: key,
});

/** What is taken for a setting that nobody said, as it would be typed; undefined: nothing. */
export const usual = <T, G>(row: Meaning<T, G>, decided: Decided, defaults: Defaults): G | undefined =>
  row.default instanceof Function ? row.default(decided, defaults) : row.default;
