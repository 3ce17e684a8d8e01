/** Limits of a container, for its creation and for later changes. */
import { invalidArgument } from "../base/errors.ts";
import type { LinuxContainerResources } from "../gen/cri/v1/api.ts";
import { toInteger } from "./encode.ts";
import type { HostFacts } from "./input.ts";
import type { Integer, LinuxResources } from "./spec.ts";

const FIELD = "config.linux.resources";

/** The kernel's bounds of cpu.shares; v2's weight is worked out from them. */
const MIN_SHARES = 2n;
const MAX_SHARES = 262_144n;

/** Of the pause process: it sleeps. */
const SANDBOX_SHARES = 2;

/** The pause process goes last, for all containers of the pod depend on it. */
const SANDBOX_OOM_SCORE_ADJ = -998n;

export type ResourceFacts = Pick<HostFacts, "cgroupVersion" | "hugetlb" | "swapAccounting">;

/**
 * A request's limits as the runtime sets them; zeros and empty texts stand for no wish. Memory and
 * swap together get the memory limit where nothing else is said: no swap.
 *
 * @param field the request's path to the resources, for messages
 * @throws CriError invalidArgument for what no kernel takes
 */
export function toLinuxResources(
  asked: LinuxContainerResources | undefined,
  facts: ResourceFacts,
  field: string = FIELD,
): LinuxResources {
  if (asked === undefined) return {};
  const hugepages = hugepageLimits(asked, field);
  return {
    cpu: orNothing(cpuLimits(asked, field)),
    memory: orNothing(memoryLimits(asked, { facts, field })),
    // The kubelet names every page size of the node, also where the kernel can't limit them.
    hugepageLimits: facts.hugetlb && hugepages.length > 0 ? hugepages : undefined,
    ...unifiedLimits(asked.unified, { facts, field }),
  };
}

function orNothing<T extends object>(limits: T): T | undefined {
  return Object.values(limits).some((limit) => limit !== undefined) ? limits : undefined;
}

function cpuLimits(
  asked: LinuxContainerResources,
  field: string,
): NonNullable<LinuxResources["cpu"]> {
  return {
    shares: shares(`${field}.cpu_shares`, asked.cpuShares),
    // Below zero there is no limit.
    quota: asked.cpuQuota === 0n ? undefined : toInteger(asked.cpuQuota),
    period: positive(`${field}.cpu_period`, asked.cpuPeriod),
    cpus: list(`${field}.cpuset_cpus`, asked.cpusetCpus),
    mems: list(`${field}.cpuset_mems`, asked.cpusetMems),
  };
}

function shares(field: string, asked: bigint): number | undefined {
  if (positive(field, asked) === undefined) return undefined;
  return Number(asked < MIN_SHARES ? MIN_SHARES : asked > MAX_SHARES ? MAX_SHARES : asked);
}

function memoryLimits(
  asked: LinuxContainerResources,
  { facts, field }: { facts: ResourceFacts; field: string },
): NonNullable<LinuxResources["memory"]> {
  const limit = unlimitedOr(`${field}.memory_limit_in_bytes`, asked.memoryLimitInBytes);
  const swapField = `${field}.memory_swap_limit_in_bytes`;
  const swap = unlimitedOr(swapField, asked.memorySwapLimitInBytes);
  if (limit !== undefined && swap !== undefined && swap > 0 && swap < limit) {
    throw invalidArgument(
      swapField,
      `${swap} is below the memory limit ${limit}, which it includes`,
    );
  }
  return { limit, swap: facts.swapAccounting ? swap ?? limit : undefined };
}

function unlimitedOr(field: string, asked: bigint): Integer | undefined {
  return asked === -1n ? -1 : positive(field, asked);
}

function positive(field: string, asked: bigint): Integer | undefined {
  if (asked === 0n) return undefined;
  if (asked < 0n) throw invalidArgument(field, `${asked} is negative`);
  return toInteger(asked);
}

/** A list of CPUs or memory nodes, such as 0-3,8. */
function list(field: string, asked: string): string | undefined {
  if (asked === "") return undefined;
  if (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(asked)) return asked;
  throw invalidArgument(field, `${JSON.stringify(asked)} is not a list such as 0-3,8`);
}

function hugepageLimits(
  { hugepageLimits: asked }: LinuxContainerResources,
  field: string,
): { pageSize: string; limit: Integer }[] {
  return asked.map(({ pageSize, limit }, index) => {
    if (/^[1-9][0-9]*[KMG]B$/.test(pageSize)) return { pageSize, limit: toInteger(limit) };
    const path = `${field}.hugepage_limits[${index}].page_size`;
    throw invalidArgument(path, `${JSON.stringify(pageSize)} is not a size such as 2MB`);
  });
}

/** cgroup v2's files by name. v1 has the same limit of processes in a place of its own. */
function unifiedLimits(
  asked: ReadonlyMap<string, string>,
  { facts, field }: { facts: ResourceFacts; field: string },
): Pick<LinuxResources, "pids" | "unified"> {
  const unified: [string, string][] = [];
  let pids: LinuxResources["pids"];
  for (const [name, value] of asked) {
    const path = `${field}.unified[${JSON.stringify(name)}]`;
    if (!/^[a-z0-9_]+(\.[A-Za-z0-9_]+)+$/.test(name)) {
      throw invalidArgument(path, "is not a file of a cgroup");
    }
    if (facts.cgroupVersion === 2) unified.push([name, value]);
    else if (name === "pids.max") pids = { limit: pidsLimit(path, value) };
    else throw invalidArgument(path, "needs cgroup v2, which this node has not");
  }
  return { pids, unified: unified.length === 0 ? undefined : Object.fromEntries(unified) };
}

function pidsLimit(field: string, value: string): Integer {
  if (value === "max") return -1;
  if (/^[1-9][0-9]{0,9}$/.test(value)) return Number(value);
  throw invalidArgument(field, `${JSON.stringify(value)} is neither a number nor max`);
}

/** What the pause process may use. */
export function sandboxResources(): LinuxResources {
  return { cpu: { shares: SANDBOX_SHARES } };
}

/**
 * How readily the kernel kills a container when memory runs out: as asked for, or the lowest score
 * that the node may give. Below that a runtime fails without saying why.
 *
 * @throws CriError invalidArgument outside the kernel's range
 */
export function oomScoreAdj(
  asked: bigint,
  { oomScoreAdjMin }: Pick<HostFacts, "oomScoreAdjMin">,
): number {
  if (asked < -1000n || asked > 1000n) {
    throw invalidArgument(`${FIELD}.oom_score_adj`, `${asked} is not between -1000 and 1000`);
  }
  return Math.max(Number(asked), oomScoreAdjMin);
}

export function sandboxOomScoreAdj(host: Pick<HostFacts, "oomScoreAdjMin">): number {
  return oomScoreAdj(SANDBOX_OOM_SCORE_ADJ, host);
}
