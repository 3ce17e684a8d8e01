/** `cri-containerd version`. */
import manifest from "../../deno.json" with { type: "json" };
import { print, printJson } from "./output.ts";

export const VERSION: string = manifest.version;

export function printVersion(o: { json?: boolean }): number {
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  if (o.json === true) printJson({ version: VERSION, cri: "v1", deno, v8, os, arch });
  else print(`cri-containerd ${VERSION} (CRI v1, Deno ${deno}, ${os} ${arch})\n`);
  return 0;
}
