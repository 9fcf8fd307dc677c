// The table of all checks.
import type { Check } from './check.ts';
import { LOGS } from './logs.ts';
import { PROBES } from './probes.ts';
import { REGISTRY_HERE } from './registry-here.ts';

export const CHECKS: Check[] = [...PROBES, ...REGISTRY_HERE, ...LOGS];
