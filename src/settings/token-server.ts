// Tells whose tokens a registry takes: those of docker_auth here, or of a token server that exists (GitLab, Keycloak, Harbor, …).
import type { Settings } from './settings.ts';
import { type Wrong, wrong } from './validation.ts';

/** Tells whether docker_auth runs here: in token mode, unless another token server exists. */
export const hasDockerAuth = ({ auth, tokenRealm }: Pick<Settings, 'auth' | 'tokenRealm'>): boolean =>
  auth === 'token' && tokenRealm === undefined;

/** Returns the URL of the token server that exists already, if tokens come from one; it alone knows the users. */
export const foreignRealm = ({ auth, tokenRealm }: Pick<Settings, 'auth' | 'tokenRealm'>) =>
  auth === 'token' ? tokenRealm : undefined;

/** Accepts a URL as clients are given it; nothing at all is docker_auth. Never shows a password that is in it. */
export function checkRealm(value: string): Wrong | undefined {
  if (value === '') return undefined;
  if (!/^https?:\/\//i.test(value))
    return wrong('begins with https://, or with http://', '--token-realm https://HOST/PATH');
  if (!URL.canParse(value) || /[\s"]/.test(value))
    return wrong('is not a URL', '--token-realm https://HOST/PATH');
  const { username, password, hash } = new URL(value);
  if (username || password) return wrong('holds a login: each client sends its own');
  return hash ? wrong('has a fragment (#…), which is never sent') : undefined;
}

/** Accepts a name that a registry compares with that in a token. */
export const checkTokenName = (value: string): Wrong | undefined =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f"]/.test(value) ? wrong('holds a control character or a quotation mark') : undefined;
