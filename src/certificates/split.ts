// Splits a PEM file into its certificates.

const SPLIT = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;
/** Returns each certificate of a PEM text, in its order; skips everything else. */
export const splitPem = (text: string): string[] => text.match(SPLIT) ?? [];
