/** Changed limits: in what a request asked for, and in the runtime spec that is stored. */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { LinuxContainerResources } from "../gen/cri/v1/api.ts";
import { encodeJson } from "./encode.ts";
import type { LinuxResources } from "./spec.ts";

/**
 * What is asked for after a change: fields that the change leaves empty stay, for a kubelet may
 * send one field alone. The OOM score is that of a process and stays as it was at its start.
 */
export function mergeResources(
  before: LinuxContainerResources | undefined,
  change: LinuxContainerResources,
): LinuxContainerResources {
  if (before === undefined) return { ...change, oomScoreAdj: 0n };
  const pages = new Map(
    [...before.hugepageLimits, ...change.hugepageLimits].map((limit) => [limit.pageSize, limit]),
  );
  return {
    cpuPeriod: change.cpuPeriod || before.cpuPeriod,
    cpuQuota: change.cpuQuota || before.cpuQuota,
    cpuShares: change.cpuShares || before.cpuShares,
    memoryLimitInBytes: change.memoryLimitInBytes || before.memoryLimitInBytes,
    memorySwapLimitInBytes: change.memorySwapLimitInBytes || before.memorySwapLimitInBytes,
    oomScoreAdj: before.oomScoreAdj,
    cpusetCpus: change.cpusetCpus || before.cpusetCpus,
    cpusetMems: change.cpusetMems || before.cpusetMems,
    hugepageLimits: [...pages.values()],
    unified: new Map([...before.unified, ...change.unified]),
  };
}

const limits = v.optional(v.record(v.string(), v.unknown()));
const resources = v.looseObject({ cpu: limits, memory: limits, unified: limits });
const storedSpec = v.looseObject({
  linux: v.looseObject({ resources: v.optional(resources) }),
});

export interface UpdatedSpec {
  /** The whole spec, as it is stored. */
  readonly spec: Uint8Array;
  /** Its limits, as a runtime takes them for what runs. */
  readonly resources: Uint8Array;
}

/**
 * A stored spec with other limits. Whatever else is in it stays, also what this daemon knows nothing
 * of.
 *
 * @param stored the spec, parsed without loss
 * @throws CriError internal for a spec that can't be read
 */
export function updateSpec(stored: unknown, changed: LinuxResources): UpdatedSpec {
  const parsed = v.safeParse(storedSpec, stored);
  if (!parsed.success) {
    throw new CriError("internal", "The stored runtime spec has not the form of one");
  }
  const spec = parsed.output;
  const before = spec.linux.resources;
  const resources = {
    ...before,
    ...present({
      cpu: merged(before?.cpu, changed.cpu),
      memory: merged(before?.memory, changed.memory),
      unified: merged(before?.unified, changed.unified),
      pids: changed.pids,
      hugepageLimits: changed.hugepageLimits,
    }),
  };
  return {
    spec: encodeJson({ ...spec, linux: { ...spec.linux, resources } }),
    // Rules about devices are set once, when a container is made.
    resources: encodeJson({ ...resources, devices: undefined }),
  };
}

function merged(before: object | undefined, changed: object | undefined): object | undefined {
  return changed === undefined ? before : { ...before, ...present(changed) };
}

/** Only the fields that have a value: an undefined one would hide what is there. */
function present(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
