/** What `./dev compile` asks of Deno: all that settles what the executable is and may do. */
import { COMPARTMENTS } from "../../src/compartments/start.ts";

/** Processors by the name that `uname -m` has for them, and Deno's. */
export const TARGETS = {
  x86_64: "x86_64-unknown-linux-gnu",
  aarch64: "aarch64-unknown-linux-gnu",
} as const;

export type Arch = keyof typeof TARGETS;

export function isArch(word: string): word is Arch {
  return Object.hasOwn(TARGETS, word);
}

/** The name of the executable, and of the release when `.tar.gz` follows it. */
export function releaseName(version: string, arch: Arch): string {
  return `cri-containerd-${version}-linux-${arch}`;
}

/**
 * The arguments of deno, to be run in the folder of deno.json: permissions and unstable features
 * come from there, and the executable can't be given others later.
 */
export function compileArguments(arch: Arch, output: string): string[] {
  return [
    "compile",
    "--permission-set=default",
    "--no-prompt",
    "--frozen",
    // The check is `./dev check`'s; here only what is committed is put together.
    "--no-check",
    "--exclude-unused-npm",
    // Half the memory of the default after some thousand calls, and no slower.
    "--v8-flags=--max-semi-space-size=2",
    // Workers hang on no import.
    ...COMPARTMENTS.map((name) => `--include=src/compartments/${name}.ts`),
    `--target=${TARGETS[arch]}`,
    `--output=${output}`,
    "main.ts",
  ];
}

/** Deno's own words when the runtime that is put before the code can't be had. */
const NO_DENORT = /denort|error sending request|client error|download|dns error|HTTP status/i;

/** Why a compile failed, with what to do about it. */
export function explainFailure(o: {
  stderr: string;
  arch: Arch;
  deno: string;
  denort: string | undefined;
}): string {
  const reason = o.stderr.trim().split("\n").filter((line) =>
    !/stack backtrace|<unknown>/i.test(line)
  )
    .slice(-6).join("\n");
  if (!NO_DENORT.test(o.stderr)) return `deno compile failed:\n${reason}`;
  const tried = o.denort === undefined
    ? "Deno could not fetch it, and DENORT_BIN is not set"
    : `DENORT_BIN names ${o.denort}, which does not serve`;
  return `Cannot compile for ${o.arch}: it takes denort, the runtime of Deno ${o.deno} for ` +
    `${TARGETS[o.arch]}, and ${tried}; compile where Deno's downloads can be reached, or set ` +
    `DENORT_BIN to a denort of exactly that version and target. Deno said:\n${reason}`;
}
