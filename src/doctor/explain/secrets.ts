// Takes passwords and tokens out of text that others wrote, before it is shown.

/** What hides a secret, and what is shown in its place. Linear, like all patterns here. */
const HIDDEN: [RegExp, string][] = [
  [
    /\b(authorization|x-registry-auth|cookie)(["']?\s{0,2}[:=]\s{0,2}["']?(?:basic|bearer)?\s{0,2})[^\s"',;]{1,4000}/gi,
    '$1$2…',
  ],
  [/\b(basic|bearer)\s{1,4}[\w+/=.~-]{8,4000}/gi, '$1 …'],
  [/:\/\/[^\s/@:]{1,200}:[^\s/]{1,200}@/g, '://…@'],
  [
    /\b((?:[a-z]{1,20}[_-]?)?(?:password|passwd|passphrase|secret|token|pwd|auth))(["']?\s{0,2}[:=]\s{0,2}["']?)(?!\s)[^\s"',;&]{1,400}/gi,
    '$1$2…',
  ],
  [/(--(?:password|passwd|token|secret))([ =]{1,2})\S{1,400}/gi, '$1$2…'],
  [/(\blogin\b[^\n]{0,200}\s-p\s{0,2})\S{1,400}/gi, '$1…'],
  [/(\bcurl\b[^\n]{0,200}\s(?:-u|--user)[\s=]{0,2}["']?[^\s:"']{1,100}:)[^\s"']{1,400}/gi, '$1…'],
  [/(\bhtpasswd\b[^\n]{0,200}\s-\w{0,6}b\w{0,6}\s{1,2}\S{1,100}\s{1,2})\S{1,400}/gi, '$1…'],
  [/\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{10,60}/g, '$2y$…'],
  [/\beyJ[\w-]{8,2000}\.[\w-]{1,4000}(?:\.[\w-]{1,2000})?/g, '…'],
];

/** Returns the text without passwords, tokens and hashes. */
export const withoutSecrets = (text: string): string =>
  HIDDEN.reduce((clean, [pattern, shown]) => clean.replace(pattern, shown), text);
