// npm run e2e -- [--full] [what vitest takes]: --full tries every combination of engines, images and flags, and not only one of each pair.
import { spawnSync } from 'node:child_process';

const words = process.argv.slice(2);
const given = words.filter((word) => word !== '--full');
if (given.length < words.length) process.env.REGISTRY_SETUP_E2E_FULL = '1';
const argv = ['run', '--config', 'test/e2e/vitest.config.ts', '--root', '.', ...given];
const { status } = spawnSync('vitest', argv, { stdio: 'inherit' });
process.exit(status ?? 1);
