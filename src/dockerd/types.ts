// The words for a Docker daemon: which one, and what a file of its settings has to say.

/** A dockerd of this machine: where its files are, and how it hears that they changed. Plain data: a way back carries it. */
export interface Daemon {
  /** Its daemon.json. */
  config: string;
  /** The directory of trusted CAs, one directory a registry. */
  certs: string;
  /** The service, for systemctl. */
  unit: string;
  /** Whose service it is: of a rootless one, that user's. */
  uid: number;
  /** Docker Desktop: its files are read when the app starts, and nothing else makes it read them. */
  app?: true;
  /** What the command line is told to reach it by, when that is not its default. */
  socket?: string;
}

export type Directive = 'insecure-registries' | 'registry-mirrors';
