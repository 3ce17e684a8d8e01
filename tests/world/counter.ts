/** Containers that count into their logs, so that a line that is missing shows. */
import assert from "node:assert/strict";
import type { Daemon } from "./daemon.ts";

/** Prints numbers from 1 on, many a second. */
export const COUNTER = ["sh", "-c", "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done"];

/**
 * How many lines main.log of a pod's log folder has. A daemon that is killed takes with it what it had
 * read and not yet written: each of `kills` may have left one gap, and lines are never repeated.
 *
 * @throws when a number is missing in it
 */
export async function counted(
  { logDir }: Pick<Daemon, "logDir">,
  pod: string,
  { kills = 0 } = {},
): Promise<number> {
  const text = await Deno.readTextFile(`${logDir}/${pod}/main.log`);
  const lines = text.split("\n").slice(0, -1).map((line) => Number(line.split(" ").at(-1)));
  let last = 0;
  let gaps = 0;
  for (const number of lines) {
    assert.ok(number > last, `${number} of ${pod} comes after ${last}`);
    if (number > last + 1) gaps++;
    last = number;
  }
  assert.ok(gaps <= kills, `${gaps} gaps in the log of ${pod}`);
  return lines.length;
}
