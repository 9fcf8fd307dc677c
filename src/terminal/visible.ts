// Text that came from elsewhere, before it meets a terminal.

/** Control characters of both kinds (C0, C1), what changes the direction of text or has no width, other ends of lines, halves of pairs. (unicode.org/reports/tr44, General_Category) */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text with what a terminal would act on, or would not show, as letters: `\u001b[31m`, `\u202e`. One line stays one line. */
export const visible = (text: string): string =>
  text.replace(UNSEEN, (sign) => {
    const code = (sign.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });

const LONGEST = 100;

/** The same, cut where it is too long to be read. */
export const shown = (text: string): string =>
  visible(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** The same for several lines; tabs stay, too. */
export const visibleLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.split('\t').map(visible).join('\t'))
    .join('\n');
