// Makes text of others safe to show on a terminal.

/**
 * Control characters (C0, C1), characters that change the direction of text or have no width, other line ends, halves of pairs.
 * (unicode.org/reports/tr44, General_Category)
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Returns the text, with characters that a terminal acts on or does not show as escapes: `\u001b[31m`, `\u202e`. Always one line. */
export const visible = (text: string): string =>
  text.replace(UNSEEN, (sign) => {
    const code = (sign.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });

const LONGEST = 100;

/** Returns the same as `visible`, cut after 100 characters. */
export const shown = (text: string): string =>
  visible(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** Returns the same as `visible` for several lines: line ends and tabs stay. */
export const visibleLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.split('\t').map(visible).join('\t'))
    .join('\n');
