/** The stages of `./dev test`, quick ones first. */
import { findGo, findProgram } from "../world/programs.ts";
import { type Ended, ofCommand, ofDenoTest, ofSuite, type Outcome } from "./outcome.ts";

export interface Stage {
  readonly name: string;
  readonly meaning: string;
  /** Arguments of deno. */
  readonly args: readonly string[];
  /** Go tools that it drives, built before it where they are missing. */
  readonly tools?: readonly string[];
  /** Why the stage can't run here; it counts as one skip then. */
  readonly because?: string;
  readonly read: (ended: Ended) => Outcome;
}

/** Folders of tests that have stages of their own, or hold no tests. */
const SPECIAL = [
  ...["check", "contract", "integration", "security", "crictl", "failpoints"],
  ...["chaos", "kubelet", "fixtures"],
];

/** All stages, or with a reason in place of what can't run on this machine. */
export async function stages(): Promise<Stage[]> {
  const hasGo = await findGo() !== undefined;
  const go = hasGo ? {} : { because: "no Go here to build what it drives" };
  const missing = await missingOf(["docker-registry", "skopeo", "jq", "curl"]);
  const suite = missing.length === 0 ? {} : { because: `no ${missing.join(", ")} here` };
  return [
    command("format", "deno fmt --check", ["fmt", "--check"]),
    command("lint", "deno lint", ["lint"]),
    command("types", "deno check, with the lock file as it is", [
      ...["check", "--frozen"],
      ...["main.ts", "src", "packaging", "tests"],
    ]),
    tests("layers", "imports, budgets and the like", ["--parallel", "tests/check"]),
    tests("contract", "proto/ against the published contracts", ["tests/contract"]),
    tests("unit", "beside the source, and on fakes", ["--parallel", ...await unitFolders()]),
    {
      ...tests("integration", "on real containerd, kernel and plugins", [
        "tests/integration",
        "tests/security",
      ]),
      ...hasGo ? { tools: ["crictl", "containerd", "runc", "cni"] } : {},
    },
    {
      ...tests("crictl", "crictl drives the daemon", ["tests/crictl"]),
      tools: ["crictl"],
      ...go,
    },
    tests("failpoints", "each stage fails once and the daemon dies once there", [
      "tests/failpoints",
    ]),
    tests("chaos", "a minute of pods while programs are killed or stand still", ["tests/chaos"]),
    {
      ...conformance("conformance", "critest, on the containerd of this machine", "1.6"),
      ...suite,
      ...go,
    },
    {
      ...conformance("conformance-2", "critest, on containerd 2.3 with its runc", "2.3"),
      ...suite,
      ...go,
    },
  ];
}

/** Only these test files or folders. */
export async function chosen(paths: readonly string[]): Promise<Stage> {
  const drivesCrictl = paths.some((path) => /^tests(\/?$|\/crictl|\/integration)/.test(path));
  return {
    ...tests("chosen", paths.join(" "), paths),
    ...drivesCrictl && await findGo() !== undefined ? { tools: ["crictl"] } : {},
  };
}

async function unitFolders(): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir("tests"));
  const folders = entries.filter(({ name, isDirectory }) => isDirectory && !SPECIAL.includes(name));
  return ["src", ...folders.map(({ name }) => `tests/${name}`).sort()];
}

/** Those programs that aren't on PATH. */
async function missingOf(programs: readonly string[]): Promise<string[]> {
  const found = await Promise.all(programs.map((name) => findProgram(name)));
  return programs.filter((_, index) => found[index] === undefined);
}

function command(name: string, meaning: string, args: readonly string[]): Stage {
  return { name, meaning, args, read: ofCommand };
}

function conformance(name: string, meaning: string, containerd: string): Stage {
  const options = ["--containerd", containerd, "--parallel", "2"];
  const args = ["run", "-q", "-P=dev", "tests/conformance/main.ts", ...options];
  return { name, meaning, args, read: ofSuite };
}

function tests(name: string, meaning: string, args: readonly string[]): Stage {
  return { name, meaning, args: ["test", "-P=test", ...args], read: ofDenoTest };
}
