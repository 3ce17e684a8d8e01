/** Versions of the CNI specification. */

/** Those we speak, from the oldest to the newest. */
export const KNOWN_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

export function isKnown(version: string): boolean {
  return KNOWN_VERSIONS.includes(version);
}

/** Whether a known version is this one or newer. */
export function isAtLeast(version: string, lowest: string): boolean {
  return KNOWN_VERSIONS.indexOf(version) >= KNOWN_VERSIONS.indexOf(lowest);
}

/** The newest known version that is in all of the lists. */
export function newestCommon(lists: readonly (readonly string[])[]): string | undefined {
  return KNOWN_VERSIONS.findLast((version) => lists.every((list) => list.includes(version)));
}
