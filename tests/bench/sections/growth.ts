/**
 * How calls grow with the pods of a node, past what this machine could run: the daemon's verbs on a
 * node in memory, with a containerd, plugins and a kernel that take no time.
 */
import { createContainer } from "../../../src/containers/create.ts";
import { listContainers } from "../../../src/containers/list.ts";
import { startContainer } from "../../../src/containers/start.ts";
import { containerStatus } from "../../../src/containers/status.ts";
import {
  ContainerStatusRequest,
  CreateContainerRequest,
  ListContainersRequest,
  ListPodSandboxRequest,
  PodSandboxStatusRequest,
  RunPodSandboxRequest,
} from "../../../src/gen/cri/v1/api.ts";
import { listPodSandbox } from "../../../src/pods/list.ts";
import { removePodSandbox } from "../../../src/pods/remove.ts";
import { runPodSandbox } from "../../../src/pods/run.ts";
import { podSandboxStatus } from "../../../src/pods/status.ts";
import { Daemon, Node } from "../../failure/node.ts";
import { atMost, median, type Row } from "../statistics.ts";
import { type Section, timed } from "./section.ts";

const SIZES = [10, 100, 500, 1_000];
/** Growth is told between these two, where fixed costs are small. */
const [FEWER, MORE] = [100, 1_000];
const SAMPLES = 40;
/** More than linear in the number of pods, but for what measuring is off. */
const LINEAR = 1.15;
/** Not with the number of pods: a tenfold may not cost the double. */
const CONSTANT = 0.3;

const never = new AbortController().signal;

/** What is measured, and how it may grow. */
const CALLS = {
  start: { what: "pod start", power: CONSTANT },
  status: { what: "both statuses", power: CONSTANT },
  lists: { what: "both lists", power: LINEAR },
  changed: { what: "both lists after a change", power: LINEAR },
  remove: { what: "pod removal", power: CONSTANT },
  recover: { what: "recovery", power: LINEAR },
} as const;

type Call = keyof typeof CALLS;
type Measured = Record<Call, number>;

export const growth: Section = {
  meaning: `a node in memory with 10 to ${MORE} pods of a container each, where only the daemon ` +
    `takes time; growth is the power of the number of pods, from ${FEWER} to ${MORE}`,
  measure: async (arena): Promise<Row[]> => {
    const measured = new Map<number, Measured>();
    for (const pods of SIZES) {
      arena.note(`${pods} pods`);
      measured.set(pods, await measureNode(pods));
    }
    return Object.entries(CALLS).flatMap(([name, { what, power }]) =>
      rowsOf(measured, { call: name as Call, what, power })
    );
  },
};

function rowsOf(
  measured: ReadonlyMap<number, Measured>,
  { call, what, power }: { call: Call; what: string; power: number },
): Row[] {
  const at = (pods: number) => measured.get(pods)?.[call] ?? NaN;
  const grown = Math.log(at(MORE) / at(FEWER)) / Math.log(MORE / FEWER);
  return [
    ...[...measured.keys()].map((pods): Row => {
      return { what: `${what}, ${pods} pods`, unit: "µs", ours: [at(pods) * 1_000], theirs: [] };
    }),
    { what: `${what}, growth`, unit: "", ours: [grown], theirs: [], goal: atMost(power) },
  ];
}

async function measureNode(pods: number): Promise<Measured> {
  using node = new Node();
  const { deps } = new Daemon(node);
  const lists = {
    ...deps,
    podListCache: { version: -1, answer: undefined },
    containerListCache: { version: -1, answer: undefined },
  };
  const made: Pod[] = [];
  const starts: number[] = [];
  for (let index = 0; index < pods; index++) {
    starts.push(await timed(async () => made.push(await startPod(deps, `pod-${index}`))));
  }
  const any = (index: number): Pod => {
    const one = made[(index * 7919) % made.length];
    if (one === undefined) throw new Error("there is no pod");
    return one;
  };
  const status = await sampled(async (index) => {
    const { pod: podSandboxId, container: containerId } = any(index);
    await podSandboxStatus(deps, PodSandboxStatusRequest.fromPartial({ podSandboxId }), never);
    await containerStatus(deps, ContainerStatusRequest.fromPartial({ containerId }), never);
  });
  const list = () => {
    listPodSandbox(lists, ListPodSandboxRequest.fromPartial({}));
    listContainers(lists, ListContainersRequest.fromPartial({}));
  };
  const changed = await sampled((index) => {
    const { pod, container } = any(index);
    deps.sandboxes.update(pod, { leftovers: [] });
    deps.containers.update(container, { snapshotKey: container });
    list();
  });
  const unchanged = await sampled(list);
  const recover = await timed(() => new Daemon(node).recover());
  const removed = made.slice(-SAMPLES).reverse();
  const removals: number[] = [];
  for (const { pod } of removed) {
    removals.push(await timed(() => removePodSandbox(deps, pod, never)));
  }
  const start = median(starts.slice(-SAMPLES));
  return { start, status, lists: unchanged, changed, recover, remove: median(removals) };
}

interface Pod {
  readonly pod: Awaited<ReturnType<typeof runPodSandbox>>;
  readonly container: Awaited<ReturnType<typeof createContainer>>;
}

async function startPod(deps: Daemon["deps"], name: string): Promise<Pod> {
  const config = { metadata: { name, namespace: "bench", uid: name }, logDirectory: "" };
  const pod = await runPodSandbox(deps, RunPodSandboxRequest.fromPartial({ config }), never);
  const container = await createContainer(
    deps,
    CreateContainerRequest.fromPartial({
      podSandboxId: pod,
      config: { metadata: { name: "main" }, image: { image: "app" }, command: ["/app"] },
      sandboxConfig: config,
    }),
    never,
  );
  await startContainer(deps, container, never);
  return { pod, container };
}

async function sampled(work: (index: number) => void | Promise<void>): Promise<number> {
  const samples: number[] = [];
  for (let index = 0; index < SAMPLES; index++) samples.push(await timed(() => work(index)));
  return median(samples);
}
