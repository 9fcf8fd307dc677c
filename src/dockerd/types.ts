// Defines which Docker daemon is meant, and which of its settings are changed.

/** A dockerd of this machine: where its files are, and how to make it read them again. Plain data: an undo stores it. */
export interface Daemon {
  /** Its daemon.json. */
  config: string;
  /** The directory of trusted CAs, with one directory for each registry. */
  certs: string;
  /** The service, for systemctl. */
  unit: string;
  /** The user id of its owner: 0, or the user of a rootless dockerd. */
  uid: number;
  /** Docker Desktop, which reads its files only when the app starts. */
  app?: true;
  /** DOCKER_HOST for the docker command, unless its default reaches this dockerd. */
  socket?: string;
}

export type Directive = 'insecure-registries' | 'registry-mirrors';
