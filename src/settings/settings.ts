// The settings of a registry: their types. What each may be, and its default, is in flags.ts.

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

/** What is known of this machine when a setting is not said. */
export interface Defaults {
  dir: string;
  host?: string | undefined;
  /** The image that an archive holds. */
  image?: string | undefined;
  /** What `auto` means on this machine. */
  engine?: EngineKind | undefined;
  /** There is an archive of images: without an engine the registry's program comes out of it. */
  archive?: string | undefined;
}

export const DEFAULT_DIR = '/opt/registry';
export const DEFAULT_IMAGE = 'registry:3';

/** `host:port` as it stands in an image's name. */
export const address = ({ host, port }: Pick<Settings, 'host' | 'port'>): string => `${host}:${port}`;
