/**
 * ListMetricDescriptors and ListPodSandboxMetrics: what cAdvisor would tell of pods and containers.
 * Collectors ask every ten seconds or more seldom, so that all of it is read when they do.
 */
import { containerTarget } from "../containers/stats.ts";
import type { ListMetricDescriptorsResponse } from "../gen/cri/v1/api.ts";
import type { Container } from "../state/containers.ts";
import { fieldEntry, joinEntries } from "../state/encoded.ts";
import { type Sandbox, usesHostNetwork } from "../state/sandboxes.ts";
import { type Details, detailsOf, pageSizesOf } from "../stats/details.ts";
import {
  BASE_LABELS,
  type ContainerFacts,
  type LayerFacts,
  type OpenFiles,
  type SpecLimits,
  type Subject,
} from "../stats/metric.ts";
import { METRICS } from "../stats/metric_table.ts";
import { interfacesOf } from "../stats/network.ts";
import { processesIn } from "../stats/processes.ts";
import type { Target } from "../stats/sampler.ts";
import { Turns } from "../stats/turns.ts";
import { matching } from "./list.ts";
import { labelBytes, metricEntries } from "./metric_bytes.ts";
import { podTarget, type StatsDeps } from "./stats.ts";

export interface MetricsDeps extends StatsDeps {
  readonly linux: {
    listFolder(path: string): string[];
    openFilesOf(pid: number): OpenFiles | undefined;
    statfs(path: string): { totalBytes: bigint; inodes: bigint; freeInodes: bigint };
  };
}

/** Field number of pod_metrics in ListPodSandboxMetricsResponse and of its stream's field. */
const POD_METRICS = 1;
/** Field numbers of PodSandboxMetrics and of ContainerMetrics: an id, then metrics. */
const ID = 1;
const METRIC = 2;
const CONTAINER_METRICS = 3;

const encoder = new TextEncoder();

/** The values of {@link BASE_LABELS}. */
type BaseValues = [
  container: string,
  id: string,
  image: string,
  name: string,
  namespace: string,
  pod: string,
];

/** Every metric that is ever told; the kubelet takes no other, and asks once. */
export function listMetricDescriptors(): ListMetricDescriptorsResponse {
  return {
    descriptors: METRICS.map(({ name, help, labels }) => ({
      name,
      help,
      labelKeys: [...BASE_LABELS, ...labels],
    })),
  };
}

/** The entries of the list: pods that are ready, and the containers that run in them. */
export async function* podMetricsEntries(deps: MetricsDeps): AsyncGenerator<Uint8Array> {
  const turns = new Turns();
  const node = { pageSizes: pageSizes(deps), layerSpace: layerSpace(deps) };
  for (const { id } of matching(deps.sandboxes, undefined)) {
    // As they are now: others had their turn since the list was made.
    const pod = deps.sandboxes.find(id);
    if (pod?.state.kind !== "ready") continue;
    const parts = [fieldEntry(ID, encoder.encode(id)), metricsOfPod(deps, node, pod)];
    for (const container of deps.containers.ofPod(id)) {
      const metrics = metricsOfContainer(deps, node, { pod, container });
      if (metrics !== undefined) parts.push(fieldEntry(CONTAINER_METRICS, metrics));
      await turns.next();
    }
    // Fields one after another are the message that has them all.
    yield fieldEntry(POD_METRICS, joinEntries(parts));
  }
}

/** What is the same for all pods of one answer. */
interface NodeFacts {
  readonly pageSizes: readonly string[];
  readonly layerSpace: Omit<LayerFacts, "usedBytes"> | undefined;
}

/** Its entries in PodSandboxMetrics. */
function metricsOfPod(deps: MetricsDeps, node: NodeFacts, pod: Sandbox): Uint8Array {
  const target = podTarget(pod);
  const { metadata } = pod.metadata.config;
  const isOnHost = usesHostNetwork(pod) || pod.state.kind !== "ready";
  const subject: Subject = {
    ...ofTarget(deps, node, target),
    processes: countOf(target && pidsOf(deps, target)),
    interfaces: isOnHost ? [] : interfacesOf(deps.readFile, pod.state.pid) ?? [],
    container: undefined,
  };
  const path = target && deps.sampler.cgroupOf(target)?.path;
  const { namespace = "", name = "" } = metadata ?? {};
  return metricsOf(subject, ["", path ?? "", "", pod.id, namespace, name]);
}

/** A ContainerMetrics message; undefined for a container that doesn't run. */
function metricsOfContainer(
  deps: MetricsDeps,
  node: NodeFacts,
  { pod, container }: { pod: Sandbox; container: Container },
): Uint8Array | undefined {
  const target = containerTarget(container);
  if (target === undefined) return undefined;
  const { config } = container.metadata;
  const pids = pidsOf(deps, target);
  const subject: Subject = {
    ...ofTarget(deps, node, target),
    processes: countOf(pids),
    interfaces: [],
    container: containerFacts(deps, node, { container, target, pids }),
  };
  const { namespace = "", name = "" } = pod.metadata.config.metadata ?? {};
  const image = config.image?.userSpecifiedImage || config.image?.image || "";
  const path = deps.sampler.cgroupOf(target)?.path ?? "";
  const own = config.metadata?.name ?? "";
  const metrics = metricsOf(subject, [own, path, image, container.id, namespace, name]);
  return joinEntries([fieldEntry(ID, encoder.encode(container.id)), metrics]);
}

function ofTarget(
  deps: MetricsDeps,
  node: NodeFacts,
  target: Target | undefined,
): Pick<Subject, "measured" | "details"> {
  if (target === undefined) return { measured: undefined, details: undefined };
  const measured = deps.sampler.measure(target);
  const cgroup = deps.sampler.cgroupOf(target);
  const details: Details | undefined = cgroup &&
    detailsOf(deps.readFile, cgroup, node.pageSizes);
  return { measured, details };
}

/** With those of cgroups below its own. */
function pidsOf({ readFile, linux, sampler }: MetricsDeps, target: Target): number[] | undefined {
  const cgroup = sampler.cgroupOf(target);
  return cgroup && processesIn(
    { readFile, listFolder: (path) => linux.listFolder(path) },
    cgroup,
  );
}

function countOf(pids: readonly number[] | undefined): bigint | undefined {
  return pids && BigInt(pids.length);
}

function metricsOf(subject: Subject, base: BaseValues): Uint8Array {
  return metricEntries(METRICS, subject, { field: METRIC, base: labelBytes(base) });
}

function containerFacts(
  deps: MetricsDeps,
  node: NodeFacts,
  { container, target, pids }: {
    container: Container;
    target: Target;
    pids: readonly number[] | undefined;
  },
): ContainerFacts {
  const usedBytes = deps.usage.of(container.snapshotKey)?.sizeBytes;
  return {
    startedAtNs: target.startedAtNs,
    seenAtNs: deps.nowNs(),
    files: pids && openFiles(deps, pids),
    maxOpenFiles: maxOpenFiles(deps, target.pid),
    layer: usedBytes === undefined || node.layerSpace === undefined
      ? undefined
      : { ...node.layerSpace, usedBytes },
    limits: limitsOf(container),
  };
}

/** Of all processes of the container. */
function openFiles(deps: MetricsDeps, pids: readonly number[]): OpenFiles {
  let files = 0;
  let sockets = 0;
  for (const pid of pids) {
    const open = deps.linux.openFilesOf(pid);
    files += open?.files ?? 0;
    sockets += open?.sockets ?? 0;
  }
  return { files, sockets };
}

/** A line such as "Max open files            1024                 524288               files". */
function maxOpenFiles({ readFile }: MetricsDeps, pid: number): bigint | undefined {
  const soft = readFile(`/proc/${pid}/limits`)?.match(/^Max open files +(\d+)/m)?.[1];
  return soft === undefined ? undefined : BigInt(soft);
}

function limitsOf({ metadata }: Container): SpecLimits {
  const resources = metadata.config.linux?.resources;
  return {
    cpuPeriod: resources?.cpuPeriod ?? 0n,
    cpuQuota: resources?.cpuQuota ?? 0n,
    cpuShares: resources?.cpuShares ?? 0n,
    memoryBytes: atLeastNone(resources?.memoryLimitInBytes),
    memorySwapBytes: atLeastNone(resources?.memorySwapLimitInBytes),
  };
}

/** -1 is no limit, which metrics tell as 0. */
function atLeastNone(limit = 0n): bigint {
  return limit > 0n ? limit : 0n;
}

function pageSizes({ linux }: MetricsDeps): string[] {
  try {
    return pageSizesOf(linux.listFolder("/sys/kernel/mm/hugepages"));
  } catch {
    return [];
  }
}

function layerSpace({ linux, usage }: MetricsDeps): NodeFacts["layerSpace"] {
  if (usage.mountpoint === undefined) return undefined;
  try {
    return linux.statfs(usage.mountpoint);
  } catch {
    return undefined;
  }
}
