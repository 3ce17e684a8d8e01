/** The executable: runs the command that its arguments name. */
import { run } from "./src/cli/run.ts";

Deno.exit(await run(Deno.args));
