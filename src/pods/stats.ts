/** PodSandboxStats and the lists of them: a pod's cgroup, its network and its containers. */
import {
  encodeStats,
  measureContainer,
  type StatsDeps as ContainerStatsDeps,
} from "../containers/stats.ts";
import {
  LinuxPodSandboxStats,
  PodSandboxAttributes,
  PodSandboxFilter,
  type PodSandboxStatsFilter,
} from "../gen/cri/v1/api.ts";
import { Encoded, fieldEntry, joinEntries } from "../state/encoded.ts";
import { type Sandbox, type SandboxStore, usesHostNetwork } from "../state/sandboxes.ts";
import type { ReadFile } from "../stats/cgroup_files.ts";
import { interfacesOf } from "../stats/network.ts";
import type { Measured, Target } from "../stats/sampler.ts";
import { sumOf } from "../stats/sum.ts";
import { toCpuUsage, toIoUsage, toMemoryUsage, toNetworkUsage } from "../stats/to_cri.ts";
import { Turns } from "../stats/turns.ts";
import { matching } from "./list.ts";

export interface StatsDeps extends ContainerStatsDeps {
  readonly sandboxes: SandboxStore;
  readonly readFile: ReadFile;
  nowNs(): bigint;
}

/** Field number of stats in PodSandboxStatsResponse and in both forms of the list. */
const STATS = 1;
/** Field numbers in PodSandboxStats. */
const ATTRIBUTES = 1;
const LINUX = 2;
/** Field number in LinuxPodSandboxStats. */
const CONTAINERS = 5;

/** @throws CriError notFound */
export function podSandboxStats(deps: StatsDeps, idOrPrefix: string): Encoded {
  return new Encoded(fieldEntry(STATS, encodeStatsOf(deps, deps.sandboxes.get(idOrPrefix))));
}

/** The entries of a list of statistics: pods that are ready, for nothing runs in the others. */
export async function* podStatsEntries(
  deps: StatsDeps,
  filter: PodSandboxStatsFilter | undefined,
): AsyncGenerator<Uint8Array> {
  const turns = new Turns();
  for (const { id } of matching(deps.sandboxes, filter && PodSandboxFilter.fromPartial(filter))) {
    // As it is now: others had their turn since the list was made.
    const pod = deps.sandboxes.find(id);
    if (pod?.state.kind !== "ready") continue;
    yield fieldEntry(STATS, encodeStatsOf(deps, pod));
    await turns.next();
  }
}

/** A PodSandboxStats message; its containers are those that run. */
function encodeStatsOf(deps: StatsDeps, pod: Sandbox): Uint8Array {
  const running = deps.containers.ofPod(pod.id).filter(({ state }) => state.kind === "running");
  // Fields one after another are the message that has them all.
  const linux = joinEntries([
    encodeOwn(deps, pod),
    ...running.map((one) => fieldEntry(CONTAINERS, encodeStats(deps, one))),
  ]);
  return joinEntries([attributesOf(pod), fieldEntry(LINUX, linux)]);
}

/** By sample of the pod's cgroup: those who ask at the same time get the same bytes. */
const encoded = new WeakMap<Measured, Uint8Array>();

/** The fields of a LinuxPodSandboxStats message that aren't its containers. */
function encodeOwn(deps: StatsDeps, pod: Sandbox): Uint8Array {
  const measured = measurePod(deps, pod);
  const known = measured && encoded.get(measured);
  if (known !== undefined) return known;
  const sample = measured?.sample;
  const bytes = LinuxPodSandboxStats.encode({
    cpu: toCpuUsage(measured),
    memory: toMemoryUsage(sample),
    network: networkOf(deps, pod),
    process: sample?.tasks === undefined
      ? undefined
      : { timestamp: sample.atNs, processCount: { value: sample.tasks } },
    containers: [],
    io: toIoUsage(sample),
  }).finish();
  if (measured !== undefined) encoded.set(measured, bytes);
  return bytes;
}

/** A pod that was given no cgroup of its own is the sum of what runs in it. */
function measurePod(deps: StatsDeps, pod: Sandbox): Measured | undefined {
  const target = podTarget(pod);
  if (target !== undefined) return deps.sampler.measure(target);
  return sumOf(deps.containers.ofPod(pod.id).map((one) => measureContainer(deps, one)));
}

/** The pod's own cgroup; without a parent of its own it has none that isn't also other pods'. */
export function podTarget({ id, state, metadata, createdAtNs }: Sandbox): Target | undefined {
  const parent = metadata.config.linux?.cgroupParent ?? "";
  if (state.kind !== "ready" || parent === "") return undefined;
  return { id, pid: state.pid, startedAtNs: createdAtNs, of: "parent" };
}

/** The counters of the host's network aren't the pod's. */
function networkOf(deps: StatsDeps, pod: Sandbox) {
  if (pod.state.kind !== "ready" || usesHostNetwork(pod)) return undefined;
  const interfaces = interfacesOf(deps.readFile, pod.state.pid);
  return interfaces && toNetworkUsage(interfaces, deps.nowNs());
}

/** By configuration, which changes of state leave as it is. */
const attributes = new WeakMap<object, Uint8Array>();

function attributesOf({ id, metadata }: Sandbox): Uint8Array {
  const { config } = metadata;
  const known = attributes.get(config);
  if (known !== undefined) return known;
  const { labels, annotations } = config;
  const message = { id, metadata: config.metadata, labels, annotations };
  const bytes = fieldEntry(ATTRIBUTES, PodSandboxAttributes.encode(message).finish());
  attributes.set(config, bytes);
  return bytes;
}
