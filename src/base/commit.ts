/**
 * The commit that a release was made of. `git archive` writes it here, as .gitattributes tells it to;
 * a checkout keeps the placeholder.
 */
const ARCHIVED = "$Format:%h$";

/** A short commit id; undefined when the daemon runs from a checkout. */
export const COMMIT: string | undefined = /^[0-9a-f]{7,}$/.test(ARCHIVED) ? ARCHIVED : undefined;
