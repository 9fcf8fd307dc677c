// What a firewall is asked to open, and what it lets through.

/** What clients reach on this machine. */
export interface Served {
  /** The name, or the address, by which they call it. */
  called: string;
  /** The address that is listened on. */
  bind: string;
  /** `inside`: the port in the container, where there is one. */
  ports: { port: number; inside: number }[];
}

/** What publishes the ports: a container engine, or the machine itself. */
export interface PortPublisher {
  kind: 'docker' | 'podman' | 'native';
  rootless: boolean;
}

/** One way in. Plain data: the plan and the way back carry it. */
export interface Opening {
  program: 'ufw' | 'firewalld';
  port: number;
  /** The one address that is listened on. */
  to?: string;
  /** The packets are handed on to a container: another chain judges them, by the port inside. */
  inside?: number;
  /** Of firewalld. */
  zone?: string;
}

/** `denied`: a rule that somebody made refuses it, and a new one would come too late. */
export type Passage = 'open' | 'shut' | 'denied';

/** The two configurations of firewalld: what holds now, and what holds after its next start. */
export type Part = 'now' | 'later';
