/** The machine that numbers come from. */
import { VERSION } from "../../src/base/version.ts";
import { sh } from "../world/sh.ts";
import type { Node } from "./sides.ts";

/** A line each. */
export async function describeMachine({ containerd, runc }: Node): Promise<string[]> {
  const cpuInfo = await Deno.readTextFile("/proc/cpuinfo");
  const [, model = "unknown"] = /^model name\s*:\s*(.+)$/m.exec(cpuInfo) ?? [];
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  const commit = await sh("git", "rev-parse", "--short", "HEAD").catch(() => "unknown");
  return [
    `${model.trim()}, ${navigator.hardwareConcurrency} cores, ${memory} GiB`,
    `Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}`,
    `${await firstLine(containerd, "--version")}; ${await firstLine(runc, "--version")}`,
    `cri-containerd ${VERSION} (${commit.trim()}), from source`,
  ];
}

async function firstLine(program: string, flag: string): Promise<string> {
  return ((await sh(program, flag)).split("\n")[0] ?? "").replace("github.com/containerd/", "");
}
