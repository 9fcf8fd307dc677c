// The settings of a registry, and their defaults.

/** Two command lines with the same words. */
export type Program = 'docker' | 'podman';
export type EngineKind = Program | 'native';

/** Where the registry and docker_auth listen in their containers. */
export const PORTS_INSIDE = { registry: 5000, auth: 5001 };

export type EngineWish = EngineKind | 'auto';

export type Auth = 'none' | 'htpasswd' | 'token';
export type Tls = 'insecure' | 'self-signed' | 'ca-signed';

export interface Settings {
  host: string;
  port: number;
  bind: string;
  dir: string;
  storage: string;
  auth: Auth;
  /** Kept when nobody logs in any more, so that the passwords are there when login is turned on again. */
  users: string[];
  /** NAME, or NAME:PATTERN: who may pull and not push. Kept like the users when another mode is used. */
  readers: string[];
  /** Everybody may pull, without a login. */
  anonymousPull: boolean;
  /** Where clients fetch their tokens. */
  authPort: number;
  authImage: string;
  tls: Tls;
  /** More names and addresses for the site certificate. */
  san: string[];
  /** How long a site certificate lasts. */
  days: number;
  /** A ready certificate and its key, or a CA that signs; absolute paths. With neither, `ca-signed` has a CA of its own. */
  cert?: string;
  key?: string;
  caCert?: string;
  caKey?: string;
  /** The firewall of this machine lets the ports in; undefined: there was nothing to open. */
  openPort?: boolean;
  /** This machine finds itself under the host's name by a line in its hosts file; undefined: it does so anyway. */
  hostsLine?: boolean;
  /** A timer renews the certificate before it ends. */
  renew: boolean;
  delete: boolean;
  image: string;
  engine: EngineKind;
  name: string;
}

export const DEFAULT_DIR = '/opt/registry';
export const DEFAULT_IMAGE = 'registry:3';
export const DEFAULT_AUTH_IMAGE = 'cesanta/docker_auth:1';
export const DEFAULT_PORT = 5000;
/** Just over a year: what browsers and Apple's systems still take. */
export const DEFAULT_DAYS = 397;

/** `host:port` as it stands in an image's name. */
export const address = ({ host, port }: Pick<Settings, 'host' | 'port'>): string => `${host}:${port}`;

/** The settings under the names of the flags: what settings.yml holds. No secret is among them. */
export function asAnswers(settings: Settings): Record<string, string | number | boolean | string[]> {
  const {
    users,
    readers,
    anonymousPull,
    authPort,
    authImage,
    dir: _dir,
    caCert,
    caKey,
    openPort,
    hostsLine,
    ...rest
  } = settings;
  // What belongs to token mode is not written where it was never used.
  const token = settings.auth === 'token' || readers.length > 0;
  return {
    ...rest,
    ...(caCert && { 'ca-cert': caCert }),
    ...(caKey && { 'ca-key': caKey }),
    ...(openPort !== undefined && { 'open-port': openPort }),
    ...(hostsLine !== undefined && { 'hosts-line': hostsLine }),
    user: users,
    ...(token && {
      reader: readers,
      'anonymous-pull': anonymousPull,
      'auth-port': authPort,
      'auth-image': authImage,
    }),
  };
}
