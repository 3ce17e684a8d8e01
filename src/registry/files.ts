/** The files that a registry's configuration is made of. */
import { CriError } from "../base/errors.ts";

/** A file's text; undefined when there is no such file. @throws CriError when it can't be read */
export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw unreadable(path, error);
  }
}

/** A file's text. @throws CriError when it can't be read */
export async function readRequired(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** A file that a registry's configuration names can't be read. */
export function unreadable(path: string, error: unknown): CriError {
  if (error instanceof Deno.errors.NotCapable) {
    return new CriError("permissionDenied", `${path} may not be read by the registry compartment`, {
      remedy: "put the file itself, not a link to it, below the folder images.registry_config",
    });
  }
  const reason = error instanceof Error ? error.message.replace(/ \(os error.*$/, "") : "";
  return new CriError("failedPrecondition", `Cannot read ${path}: ${reason}`, { cause: error });
}
