// Takes a PEM file with several certificates apart.

const SPLIT = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;
export const splitPem = (text: string): string[] => text.match(SPLIT) ?? [];
