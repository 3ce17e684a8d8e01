/**
 * The program that tests run: the sources with the executable's permissions, and with its heap (see
 * packaging/compile); with `./dev test --binary PATH` the executable of that path.
 */
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const binary = Deno.env.get("TEST_BINARY");

/** Of the sources, whatever else is tested. */
export const FROM_SOURCE: readonly string[] = [
  Deno.execPath(),
  "run",
  "-q",
  "-P",
  "--v8-flags=--max-semi-space-size=2",
  MAIN,
];

const [program = "", ...programArgs] = binary === undefined ? FROM_SOURCE : [binary];

export const PROGRAM = program;
/** What comes before the arguments of a command. */
export const PROGRAM_ARGS: readonly string[] = programArgs;
