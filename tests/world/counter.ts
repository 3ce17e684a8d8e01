/** Containers that count into their logs, so that a line that is missing shows. */
import assert from "node:assert/strict";
import type { Daemon } from "./daemon.ts";

/** Prints numbers from 1 on, many a second. */
export const COUNTER = ["sh", "-c", "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done"];

/** How many lines main.log of a pod's log folder has. @throws when a number is missing in it */
export async function counted({ logDir }: Daemon, pod: string): Promise<number> {
  const text = await Deno.readTextFile(`${logDir}/${pod}/main.log`);
  const lines = text.split("\n").slice(0, -1).map((line) => Number(line.split(" ").at(-1)));
  lines.forEach((number, at) => assert.equal(number, at + 1, `no line of ${pod} is missing`));
  return lines.length;
}
