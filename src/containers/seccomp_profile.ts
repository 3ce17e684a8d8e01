/** Seccomp profiles of the administrator's own, which pods and containers name by their path. */
import { seccompProfilePath, type SecurityContext } from "../oci/seccomp.ts";

/** The largest profiles that people write have a few thousand lines. */
const MAX_BYTES = 1024 * 1024;

export interface ProfileDeps {
  readonly linux: {
    /** Reads a regular file below a root; undefined when there is none. */
    readInRoot(root: string, path: string, maxBytes: number): Promise<string | undefined>;
  };
}

/**
 * Text of the file that a request's filter is in; undefined when it needs none or there is none.
 *
 * @throws CriError invalidArgument for a profile that can't be
 */
export async function readSeccompProfile(
  { linux }: ProfileDeps,
  context: SecurityContext | undefined,
): Promise<string | undefined> {
  const path = seccompProfilePath(context);
  return path === undefined ? undefined : await linux.readInRoot("/", path, MAX_BYTES);
}
