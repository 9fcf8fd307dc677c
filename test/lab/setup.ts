// Before all e2e tests (vitest's globalSetup): the images, and the end of what killed runs left.
import { buildImages, sweep } from './host.ts';

export default async function setup(): Promise<void> {
  await buildImages();
  await sweep();
}
