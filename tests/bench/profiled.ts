/** The daemon for `./dev bench profile`: when it has stopped, it stays until its profiles are written. */
import { run } from "../../src/cli/run.ts";

await run(Deno.args);
setInterval(() => {}, 60_000);
