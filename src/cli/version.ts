/** `cri-containerd version`. */
import { COMMIT } from "../base/commit.ts";
import manifest from "../../deno.json" with { type: "json" };
import { print, printJson } from "./output.ts";

export const VERSION: string = manifest.version;

export function printVersion(o: { json?: boolean }): number {
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  const commit = COMMIT === undefined ? "" : `+${COMMIT}`;
  if (o.json === true) {
    printJson({ version: VERSION, commit: COMMIT ?? "", cri: "v1", deno, v8, os, arch });
  } else print(`cri-containerd ${VERSION}${commit} (CRI v1, Deno ${deno}, ${os} ${arch})\n`);
  return 0;
}
