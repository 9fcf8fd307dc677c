// The first line of a file that the program writes whole on a developer machine: it identifies the file later.

/** The beginning of the line in every version. */
const BEGIN = '# Written by registry-setup';

export const MARK = `${BEGIN}; \`registry-setup --client --undo\` takes it away.`;

/** Tells whether the program wrote that file. */
export const isOurs = (text: string): boolean => text.startsWith(BEGIN);
