// Types of the settings of a registry. flags.ts has their checks and defaults.

/** Two engines whose command lines take the same words. */
export type Program = 'docker' | 'podman';
export type EngineKind = Program | 'native';

/** The ports of the registry and docker_auth in their containers. */
export const PORTS_INSIDE = { registry: 5000, auth: 5001 };

export type EngineChoice = EngineKind | 'auto';

type Auth = 'none' | 'htpasswd' | 'token';
/** The kind of a key that is made here: P-256, or RSA. */
export type KeyType = 'ecdsa' | 'rsa';
export type Tls = 'insecure' | 'self-signed' | 'ca-signed';

export interface Settings {
  host: string;
  port: number;
  /** The URL of somebody else's proxy in front: the address that people use in place of the registry's own. */
  externalUrl?: string;
  bind: string;
  dir: string;
  storage: string;
  auth: Auth;
  /** Kept if nobody logs in any more, so that the passwords still exist when login is turned on again. */
  users: string[];
  /** NAME, or NAME:PATTERN: users who may pull and not push. Kept like `users` in another mode. */
  readers: string[];
  /** Everybody may pull, without a login. */
  anonymousPull: boolean;
  /** The port at which clients fetch their tokens. */
  authPort: number;
  authImage: string;
  /** nginx stands in front: TLS ends there, and everything is behind the registry's port. */
  gateway?: boolean;
  /** The web page is served there, too. */
  ui?: boolean;
  /** The image of nginx, with the page in it if it is served; undefined: the usual one. */
  uiImage?: string;
  /** The title of the page. */
  uiTitle?: string;
  /** A token server that exists already, in the place of docker_auth: the URL that clients are given. */
  tokenRealm?: string;
  /** What its tokens are verified with: certificates, or a JWKS; an absolute path. */
  tokenCert?: string;
  /** The issuer in its tokens. */
  tokenIssuer?: string;
  /** The audience in its tokens; undefined: the name of the registry. */
  tokenService?: string;
  tls: Tls;
  /** More names and addresses for the certificate. */
  san: string[];
  /** How many days a certificate lasts. */
  days: number;
  /** The kind of the keys of certificates that are made here; undefined: EC, or that of the key that is replaced. */
  keyType?: KeyType;
  /** A ready certificate and its key, or a CA that signs; absolute paths. With neither, `ca-signed` has its own CA. */
  cert?: string;
  key?: string;
  caCert?: string;
  caKey?: string;
  /** The mail address of an account at an ACME server, which issues the certificate. */
  acme?: string;
  /** The address of the server's directory; undefined: Let's Encrypt. */
  acmeServer?: string;
  /** A program that writes TXT records; undefined: the names are proven on port 80. */
  acmeDnsHook?: string;
  /** The account that the user has at the CA, and the file with its key. */
  acmeEabKid?: string;
  acmeEabKeyFile?: string;
  /** The set-up opens the ports in the firewall of this machine; undefined: there was nothing to open. */
  openPort?: boolean;
  /** This machine resolves the host's name by a line in its hosts file; undefined: it does so without one. */
  hostsLine?: boolean;
  /** A timer renews the certificate before it ends. */
  renew: boolean;
  delete: boolean;
  /** A timer removes old images every night, by the rules that follow; undefined: nothing is removed by itself. */
  prune?: boolean;
  /** So many images of each repository stay. */
  keepLast?: number;
  /** What is younger stays: `30d`. */
  olderThan?: string;
  /** Only what these patterns match is removed. */
  match?: string[];
  /** Tags that these patterns match stay. */
  keepTags?: string[];
  /** What no tag leads to is removed, too. */
  untagged?: boolean;
  image: string;
  engine: EngineKind;
  name: string;
}

/** What is known of this machine, for settings that nobody said. */
export interface Defaults {
  dir: string;
  host?: string | undefined;
  /** The image that an archive holds. */
  image?: string | undefined;
  /** What `auto` means on this machine. */
  engine?: EngineKind | undefined;
  /** The archive of images: without an engine, the registry's program comes out of it. */
  archive?: string | undefined;
}

export const DEFAULT_DIR = '/opt/registry';
export const DEFAULT_IMAGE = 'registry:3';
export const DEFAULT_PORT = 5000;
