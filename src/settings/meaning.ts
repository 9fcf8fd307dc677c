// What a row of the table of flags says about its setting: the default, the check, and the conversion.
import type { Defaults, EngineChoice, Settings } from './settings.ts';
import type { Wrong } from './validation.ts';

/** A value as the user types it, or as it is in a file. */
export type Given = string | number | boolean | string[];

/** The settings of the rows above, and the directory: a default may depend on them. */
export type Decided = Partial<Settings> & Pick<Settings, 'dir'>;

/** What a row says about its setting, if its property of Settings is a `T` that the user types as a `G`. */
export interface Meaning<T, G> {
  /** The value if nobody gives one; undefined: the setting is left out. */
  default?: G | ((decided: Decided, defaults: Defaults) => G);
  /** The default as the help says it, if it is not a value. */
  defaultWords?: string;
  /** Returns what is wrong with a value; also checks the default. */
  check?(value: G): Wrong | undefined;
  /** Returns the setting that a value stands for, if it is another one; undefined: the setting is left out. */
  becomes?(value: G, decided: Decided, defaults: Defaults): T | undefined;
  /** Belongs to `--auth token`, or to a gateway as well: the help says so, and it is written only if that was used. */
  tokenMode?: true | 'or gateway';
  /** The place in a new settings.yml: below all with a lower number (0 by default). */
  below?: 1 | 2;
}

type Typed<K extends keyof Settings> = K extends 'engine' ? EngineChoice : NonNullable<Settings[K]>;
/** A setting that always exists has a default. */
type Row<K extends keyof Settings> = Meaning<NonNullable<Settings[K]>, Typed<K>> &
  (object extends Pick<Settings, K> ? unknown : { default: unknown });

/** Returns the part of a row that is about its setting. `key`: its property of Settings. */
export const setting = <K extends keyof Settings, const R extends Row<K>>(key: K, row: R) => ({
  ...row,
  setting: key,
});

/** Returns the default of a setting, as the user would type it; undefined if it has none. */
export const usual = <T, G>(row: Meaning<T, G>, decided: Decided, defaults: Defaults): G | undefined =>
  row.default instanceof Function ? row.default(decided, defaults) : row.default;
