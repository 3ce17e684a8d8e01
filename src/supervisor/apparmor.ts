/** Loads the default AppArmor profile into the kernel, where there is AppArmor. */
import { logger } from "../base/log.ts";
import { defaultApparmorProfile } from "../oci/apparmor_default.ts";

const log = logger("supervisor");

/** It compiles one small profile. */
const TIMEOUT_MS = 10_000;

/** Folders of the distributions' administrators' programs, whatever the daemon's PATH is. */
const FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin"];

/**
 * Loads it, replacing the one of an older version. A node without the parser or without AppArmor in
 * its kernel is none the worse: its containers have no profile then.
 */
export async function loadApparmorProfile(folders: readonly string[] = FOLDERS): Promise<void> {
  try {
    const program = await findParser(folders);
    if (program === undefined) return;
    const child = new Deno.Command(program, {
      args: ["--replace"],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(defaultApparmorProfile()));
    await writer.close();
    const { success, stderr } = await child.output();
    if (success) return log.debug("The default AppArmor profile is loaded");
    log.debug("The default AppArmor profile is not loaded: {reason}", {
      reason: new TextDecoder().decode(stderr).trim(),
    });
  } catch (error) {
    log.warn("Cannot load the default AppArmor profile: {error}", { error });
  }
}

async function findParser(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = `${folder}/apparmor_parser`;
    const found = await Deno.stat(path).catch(() => undefined);
    if (found?.isFile) return path;
  }
  return undefined;
}
