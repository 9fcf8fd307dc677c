// Plans the engine that a registry needs, as resources of the machine.
import type { EngineInfo } from '../../engines/types.ts';
import type { Resource } from '../../resources/resource.ts';

/** Returns what must be done before the engine can answer; nothing if it runs. */
export const engineResources = ({ install, start }: EngineInfo): Resource[] => [
  ...(install
    ? [{ kind: 'package', manager: install.manager, name: install.name, engine: install.program } as const]
    : []),
  ...(start ? [{ kind: 'engine', boot: start.boot } as const] : []),
];
