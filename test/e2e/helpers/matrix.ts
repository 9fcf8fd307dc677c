// Which combinations are tried: each pair of values once, or with `npm run e2e -- --full` all of them.

export const full = process.env.REGISTRY_SETUP_E2E_FULL === '1';

/** All of them when asked for, otherwise those that fit. */
export const chosen = <T>(all: T[], fits: (one: T, index: number) => boolean): T[] =>
  full ? all : all.filter(fits);
