/** `./dev conformance`: the CRI conformance suite on a daemon of its own, from nothing to a count. */
import { print, printError } from "../../src/cli/output.ts";
import { crictlOf } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { runCritest } from "./critest.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { readResults, type Result, summarize, toTsv } from "./results.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";
import { judgeSkips } from "./skips.ts";
import { buildCrictl, buildNode, prepareSuite, type Suite } from "./suite.ts";

/** Apart from the terminal's group of processes: an interrupt is for this program to pass on. */
const DAEMON = [
  "setsid",
  PROGRAM,
  ...PROGRAM_ARGS,
];

/** Exit codes: all is well, a test failed or something was left, it couldn't run. */
const OK = 0;
const FAILED = 1;
const NOT_RUN = 2;

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") {
    print(HELP);
    return OK;
  }
  const seed = options.seed === ""
    ? String(crypto.getRandomValues(new Uint16Array(1))[0])
    : options.seed;
  const out = await outFolder(options.out);
  const started = Date.now();
  const { results, left } = await run({ ...options, seed, out }, interrupts());
  const seconds = Math.round((Date.now() - started) / 1_000);
  await Deno.writeTextFile(`${out}/results.tsv`, toTsv(results));
  const isWell = left === "" && results.length > 0 &&
    !results.some(({ outcome }) => outcome === "failed");
  const isKept = options.out !== "" || !isWell;
  print(`seed ${seed}, ${seconds} s${isKept ? `, details in ${out}` : ""}\n`);
  if (left !== "") print(`LEFT ${left}\n`);
  print(summarize(results));
  if (!isKept) await Deno.remove(out, { recursive: true });
  return isWell ? OK : FAILED;
}

async function outFolder(out: string): Promise<string> {
  if (out === "") return await Deno.makeTempDir({ prefix: "conformance-" });
  await Deno.mkdir(out, { recursive: true });
  return await Deno.realPath(out);
}

/** Aborted by the first signal; the second ends this program at once. */
function interrupts(): AbortSignal {
  const interrupt = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    const listener = () => {
      Deno.removeSignalListener(name, listener);
      printError(`conformance: ${name}, cleaning up\n`);
      interrupt.abort(new Error(`interrupted by ${name}`));
    };
    Deno.addSignalListener(name, listener);
  }
  return interrupt.signal;
}

interface Ran {
  readonly results: readonly Result[];
  /** What was still on the machine when every pod had been removed; "" is nothing. */
  readonly left: string;
}

async function run(options: Options, signal: AbortSignal): Promise<Ran> {
  await using suite = await prepareSuite();
  if (options.socket === "") return await runOnDaemon(suite, options, signal);
  const { socket, out } = options;
  const tempDir = await Deno.makeTempDir({ dir: out, prefix: "temp-" });
  await runCritest(suite, { socket, tempDir, out, signal }, options);
  await Deno.remove(tempDir, { recursive: true });
  return { results: await resultsIn(out), left: "" };
}

async function runOnDaemon(suite: Suite, options: Options, signal: AbortSignal): Promise<Ran> {
  await buildCrictl();
  const programs = options.containerd === "2.3" ? await buildNode() : {};
  const { containerd, out } = options;
  await using daemon = await startDaemon({ ...programs, command: DAEMON });
  try {
    const run = { socket: daemon.listen, tempDir: daemon.logDir, out, signal };
    await runCritest(suite, run, options);
    const node = { containerd, kernelRelease: Deno.osRelease() };
    return { results: judgeSkips(await resultsIn(out), node), left: await leftOn(daemon) };
  } finally {
    await Deno.writeTextFile(`${out}/daemon.log`, await daemon.log());
  }
}

/** Removes the pods that failed tests left, and says what stays then. */
async function leftOn(daemon: Daemon): Promise<string> {
  try {
    await crictlOf(daemon)("rmp", "--all", "--force");
    await assertNothingLeft(daemon);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function resultsIn(out: string): Promise<Result[]> {
  try {
    return readResults(await Deno.readTextFile(`${out}/report.json`));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const log = await Deno.readTextFile(`${out}/critest.log`);
    throw new Error(`the suite ended without a report:\n${log.slice(-2_000)}`);
  }
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  printError(`conformance: ${error instanceof Error ? error.message : String(error)}\n`);
  Deno.exit(NOT_RUN);
}
