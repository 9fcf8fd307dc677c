// The first line of a file that the program writes whole on a developer machine: by it the file is known again.

/** What the line begins with, in every version. */
const BEGIN = '# Written by registry-setup';

export const MARK = `${BEGIN}; \`registry-setup --client --undo\` takes it away.`;

/** Whether the program wrote that file. */
export const isOurs = (text: string): boolean => text.startsWith(BEGIN);
