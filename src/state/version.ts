/**
 * The form of what is recorded of pods and containers. There has been one so far, containerd's; what
 * bears another is left as it is, for the daemon that knows it.
 */
import { CriError } from "../base/errors.ts";

export const VERSION = "v1";

/** @throws CriError internal for what a newer daemon wrote, in words that say so */
export function checkVersion(stored: unknown, what: string): void {
  if (typeof stored !== "object" || stored === null || !("Version" in stored)) return;
  const { Version } = stored;
  if (typeof Version !== "string" || !/^v[0-9]{1,6}$/.test(Version) || Version === VERSION) return;
  throw new CriError(
    "internal",
    `${what} has the form ${Version}, and this daemon knows ${VERSION} alone: ` +
      "a newer one wrote it, and reads it when it is started again",
  );
}
