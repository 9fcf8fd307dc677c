// What names look like in a registry. (distribution-spec, "Pulling manifests": `<name>`, `<reference>`)

/** A part of a repository's name. */
export const PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** (github.com/distribution/reference: RepositoryNameTotalLengthMax) */
const LONGEST = 255;

/** Tells whether a repository can have that name. */
export const isRepository = (name: string): boolean =>
  name.length <= LONGEST && name.split('/').every((part) => PART.test(part));

export const isTag = (tag: string): boolean => TAG.test(tag);

/** Accepts the digests that registries take and this program verifies. (image-spec, descriptor.md, "Registered algorithms") */
export const isDigest = (text: string): boolean =>
  /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text);
