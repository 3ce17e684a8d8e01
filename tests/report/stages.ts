/** The stages of `./dev test`, quick ones first. */
import { findGo } from "../world/go.ts";
import { type Ended, ofCommand, ofDenoTest, ofSuite, type Outcome } from "./outcome.ts";

export interface Stage {
  readonly name: string;
  readonly meaning: string;
  /** Arguments of deno; undefined when the stage can't run here, see `because`. */
  readonly args: readonly string[];
  /** Why the stage can't run here; it counts as one skip then. */
  readonly because?: string;
  readonly read: (ended: Ended) => Outcome;
}

const TEST = ["test", "--permit-no-files", "-P=test"];

const UNIT_FOLDERS = ["src", "tests/failure", "tests/fakes", "tests/report", "tests/world"];

/** All stages, or with a reason in place of what can't run on this machine. */
export async function stages(): Promise<Stage[]> {
  const hasGo = await findGo() !== undefined;
  const go = hasGo ? {} : { because: "no Go here to build what it drives" };
  const conformance = "tests/conformance/main.ts";
  return [
    command("format", "deno fmt --check", ["fmt", "--check"]),
    command("lint", "deno lint", ["lint"]),
    command("types", "deno check, with the lock file as it is", TYPES),
    tests("layers", "imports, budgets and the like", ["--parallel", "tests/check"]),
    tests("contract", "proto/ against the published contracts", ["tests/contract"]),
    tests("unit", "beside the source, and on fakes", ["--parallel", ...UNIT_FOLDERS]),
    tests("integration", "on real containerd, kernel and plugins", ["tests/integration"]),
    { ...tests("crictl", "crictl drives the daemon", ["tests/crictl"]), ...go },
    ...await isFile(conformance)
      ? [{
        name: "conformance",
        meaning: "critest, the suite for runtimes",
        args: ["run", "-P=dev", conformance],
        read: ofSuite,
        ...go,
      }]
      : [],
  ];
}

const TYPES = ["check", "--frozen", "main.ts", "src", "tests"];

/** Only these test files or folders. */
export function chosen(paths: readonly string[]): Stage {
  return tests("chosen", paths.join(" "), paths);
}

function command(name: string, meaning: string, args: readonly string[]): Stage {
  return { name, meaning, args, read: ofCommand };
}

function tests(name: string, meaning: string, args: readonly string[]): Stage {
  return { name, meaning, args: [...TEST, ...args], read: ofDenoTest };
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((stat) => stat.isFile, () => false);
}
