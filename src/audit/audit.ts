/**
 * What on the node belonged to pods and belongs to nobody any more, by containerd's records: a thing
 * is made after its owner's record and removed before it, so that one without a record is left over.
 *
 * 1. Things are listed before records are read: what is made meanwhile is recorded by then.
 * 2. What is found is looked for once more, for a daemon that runs may be removing it just now.
 * 3. Removing goes from the processes outwards, and on until nothing more goes: when a task has
 *    ended, its namespace is free, and then its address.
 */
import { during } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { type InContainerdDeps, looksInContainerd } from "./in_containerd.ts";
import { type InIptablesDeps, looksInIptables } from "./in_iptables.ts";
import { type InNetworkDeps, looksInNetwork } from "./in_network.ts";
import type { Leftover, Look } from "./leftover.ts";
import { looksOnNode, type OnNodeDeps } from "./on_node.ts";
import { readRecords } from "./records.ts";

export interface AuditDeps extends InContainerdDeps, InNetworkDeps, InIptablesDeps, OnNodeDeps {
  readonly linux: InNetworkDeps["linux"] & OnNodeDeps["linux"];
}

/** What was found, and what came of each. */
export interface Outcome {
  readonly leftover: Leftover;
  readonly state: "found" | "removed" | "stays";
  /** Why it stays. */
  readonly error?: unknown;
}

/** Longer than the daemon takes between the last thing of a pod and its record. */
const SECOND_LOOK_MS = 1_000;
const REMOVE_TIMEOUT_MS = 60_000;
const MAX_ROUNDS = 5;

/** Lists what is left over, the processes first. @throws CriError when containerd can't be asked */
export async function findLeftovers(
  deps: AuditDeps,
  waitMs = SECOND_LOOK_MS,
): Promise<Leftover[]> {
  const first = new Set((await look(deps)).map(keyOf));
  if (first.size === 0) return [];
  await pause(waitMs);
  return (await look(deps)).filter((leftover) => first.has(keyOf(leftover)));
}

/** Removes what is left over, and what then shows itself. Each thing is tried once a round. */
export async function removeLeftovers(
  deps: AuditDeps,
  waitMs = SECOND_LOOK_MS,
): Promise<Outcome[]> {
  const outcomes = new Map<string, Outcome>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const leftovers = await findLeftovers(deps, waitMs);
    let removed = 0;
    for (const leftover of leftovers) {
      const outcome = await remove(leftover);
      if (outcome.state === "removed") removed++;
      outcomes.set(keyOf(leftover), outcome);
    }
    if (removed === 0) break;
  }
  return [...outcomes.values()];
}

async function remove(leftover: Leftover): Promise<Outcome> {
  if (leftover.remove === undefined) return { leftover, state: "found" };
  try {
    await leftover.remove(AbortSignal.timeout(REMOVE_TIMEOUT_MS));
    return { leftover, state: "removed" };
  } catch (error) {
    return { leftover, state: "stays", error: during(`Cannot remove it`, error) };
  }
}

async function look(deps: AuditDeps): Promise<Leftover[]> {
  const looks: Look[] = [
    ...looksInContainerd(deps),
    ...looksOnNode(deps),
    ...looksInNetwork(deps),
    ...looksInIptables(deps),
  ];
  const listed = await Promise.all(looks.map((one) => one()));
  const { records, leftovers } = await readRecords(deps);
  return [...leftovers, ...listed.flatMap((leftoversBy) => leftoversBy(records))];
}

function keyOf({ kind, name }: Leftover): string {
  return `${kind} ${name}`;
}
