// What a firewall is asked to open, and what it lets through.

/** What clients reach on this machine. */
export interface Served {
  /** The name, or the address, that clients use. */
  called: string;
  /** The address that the registry listens on. */
  bind: string;
  /** `inside`: the port in the container, if there is one. */
  ports: { port: number; inside: number }[];
}

/** What publishes the ports: a container engine, or the machine itself. */
export interface PortPublisher {
  kind: 'docker' | 'podman' | 'native';
  rootless: boolean;
}

/** One opening for clients. Plain data: the plan and the way back hold it. */
export interface Opening {
  program: 'ufw' | 'firewalld';
  port: number;
  /** The one address that the registry listens on. */
  to?: string;
  /** The port in the container to which packets are forwarded: another chain filters them, by this port. */
  inside?: number;
  /** The zone of firewalld. */
  zone?: string;
}

/** `denied`: a user's rule refuses it, and a new rule would come too late. */
export type Passage = 'open' | 'shut' | 'denied';

/** The two configurations of firewalld: what holds now, and what holds after its next start. */
export type Part = 'now' | 'later';
