// Reads the file of --answers FILE.
import { InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { readYaml } from '../templates.ts';
import type { Answers } from './answers.ts';
import { readAnswers } from './arguments.ts';

/** Returns the answers of the file that --answers names; none without it. @throws InputError, CliError (exit 2) if it cannot be read */
export async function answersFile({ answers }: Answers, host: Host): Promise<Answers> {
  if (!answers) return {};
  const path = String(answers.value);
  const bytes = await host.read(path);
  if (!bytes) throw new InputError([{ where: '--answers', message: `there is no file ${path}` }]);
  return readAnswers(path, readYaml(bytes.toString(), path));
}
