/** `./dev test`: runs the stages one after another and closes with one line that counts all. */
import { print } from "../../src/cli/output.ts";
import { type Ended, ofCommand, type Outcome } from "./outcome.ts";
import { chosen, type Stage, stages } from "./stages.ts";

/** A stage that takes longer hangs. */
const STAGE_LIMIT_MS = 15 * 60_000;

const out = (line: string) => print(`${line}\n`);

async function run(args: readonly string[]): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const limit = setTimeout(() => child.kill("SIGKILL"), STAGE_LIMIT_MS);
  const { code, signal, stdout, stderr } = await child.output();
  clearTimeout(limit);
  const decoder = new TextDecoder();
  const output = `${decoder.decode(stderr)}${decoder.decode(stdout)}`;
  const end = signal === "SIGKILL" ? `\nended after ${STAGE_LIMIT_MS / 60_000} minutes` : "";
  return { code, output: output + end };
}

async function outcomeOf(stage: Stage): Promise<Outcome> {
  const { because } = stage;
  if (because !== undefined) return { passed: 0, failed: 0, skips: [because], failures: "" };
  const built = await build(stage.tools ?? []);
  return built.code === 0 ? stage.read(await run(stage.args)) : ofCommand(built);
}

/** Says in a line what it builds, and nothing where all is there. */
async function build(tools: readonly string[]): Promise<Ended> {
  if (tools.length === 0) return { code: 0, output: "" };
  const { code, stderr } = await new Deno.Command("tests/tools/build.sh", {
    args: [...tools],
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
  }).output();
  return { code, output: new TextDecoder().decode(stderr) };
}

/** "unit            512 tests      12.3 s" */
function describe(stage: Stage, { passed, failed }: Outcome, ms: number): string {
  const tests = `${passed + failed} ${passed + failed === 1 ? "test" : "tests"}`;
  const what = failed > 0 ? `${failed} of ${tests} FAILED` : tests;
  return `${stage.name.padEnd(14)} ${what.padEnd(24)} ${(ms / 1000).toFixed(1).padStart(6)} s`;
}

async function select(wanted: readonly string[]): Promise<Stage[]> {
  const all = await stages();
  if (wanted.length === 0) return all;
  const names = new Set(all.map(({ name }) => name));
  const paths = wanted.filter((word) => !names.has(word));
  for (const path of paths) {
    const isThere = await Deno.stat(path).then(() => true, () => false);
    if (!isThere) {
      throw new Error(`${path} is neither a file, nor a stage: ${[...names].join(", ")}`);
    }
  }
  const stagesWanted = all.filter(({ name }) => wanted.includes(name));
  return paths.length > 0 ? [...stagesWanted, await chosen(paths)] : stagesWanted;
}

/** `--binary PATH` lets the tests run that executable in place of the sources. */
async function takeBinary(args: readonly string[]): Promise<readonly string[]> {
  const at = args.indexOf("--binary");
  if (at < 0) return args;
  const path = await Deno.realPath(args[at + 1] ?? "");
  Deno.env.set("TEST_BINARY", path);
  out(`with ${path}`);
  return args.toSpliced(at, 2);
}

async function main(args: readonly string[]): Promise<number> {
  const wanted = await takeBinary(args);
  if (wanted[0] === "list") {
    for (const { name, meaning } of await stages()) out(`${name.padEnd(14)} ${meaning}`);
    return 0;
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const stage of await select(wanted)) {
    const began = performance.now();
    const outcome = await outcomeOf(stage);
    out(describe(stage, outcome, performance.now() - began));
    for (const skip of outcome.skips) out(`  skipped: ${skip}`);
    if (outcome.failures !== "") out(outcome.failures);
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skips.length;
  }
  out(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 ? 1 : 0;
}

Deno.exit(await main(Deno.args));
