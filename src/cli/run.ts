/** From an argument list to an exit code. */
import { CriError } from "../base/errors.ts";
import { errorText, scrub } from "../base/redact.ts";
import { printError } from "./output.ts";
import { parseServeFlags } from "./serve_flags.ts";

/** Runs one command; what goes wrong is said on stderr. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const [command, ...rest] = args;
    const flags = command === "serve" ? parseServeFlags(rest) : undefined;
    if (flags !== undefined) return await (await import("./serve.ts")).serve(flags);
    return await (await import("./program.ts")).runProgram(args);
  } catch (error) {
    printError(`cri-containerd: ${describe(error)}\n`);
    return 1;
  }
}

/** An error that we foresaw is its text; of any other the stack says more. */
function describe(error: unknown): string {
  if (error instanceof CriError && error.kind !== "internal") return scrub(errorText(error));
  return scrub(error instanceof Error ? error.stack ?? error.message : String(error));
}
