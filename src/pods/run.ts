/**
 * Steps 1–3 of 7: a pod sandbox, from the request to Ready.
 *
 *   1   check the request, reserve the name             undo: release the name
 *   2a  record the pod in containerd                    undo: delete the record; from here on recovery
 *                                                       can undo everything below after a crash
 *     ┌ 2b snapshot, files, shared memory, task         undo: end the task, remove the rest
 *     └ 2c pin the network namespace, 3 CNI ADD         undo: CNI DEL, unpin
 *          record the addresses
 *   ·   publish: nothing that can fail the call comes after
 *   2d  start the task, which only the start of a container waits for
 *
 * The network namespace of a pod with a user namespace has to belong to that one, so the runtime
 * makes both: there the branch of 2c and 3 comes after the task is created.
 */
import { both } from "../base/both.ts";
import { CriError, during } from "../base/errors.ts";
import type { Flights } from "../base/flights.ts";
import { newSandboxId, type SandboxId } from "../base/id.ts";
import type { KeyedLock } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import { toGoCniResult } from "../cni/go_cni.ts";
import { allotPodLabel, filesLabel, releaseLevel } from "../containers/selinux.ts";
import { removeSnapshot } from "../containers/snapshot.ts";
import { clearRuntimeState, type RuntimeStateDeps } from "../containers/runtime_state.ts";
import { endTask } from "../containers/task.ts";
import { RunPodSandboxRequest } from "../gen/cri/v1/api.ts";
import { hasUserNamespaces, type UserNamespaceDeps } from "../node/user_namespaces.ts";
import { podNamespaces } from "../oci/namespaces.ts";
import { inContext } from "../oci/selinux.ts";
import { checkLogDirectory } from "../logs/path.ts";
import { type NameRegistry, sandboxName } from "../state/names.ts";
import { netnsPath } from "../state/folders.ts";
import { podName, type Sandbox, startEnded } from "../state/sandboxes.ts";
import { type Runtime, runtimeFor } from "../state/settings.ts";
import { type FilesDeps, makePodFiles, removePodFiles } from "./files.ts";
import { hasOwnNetwork } from "./namespaces.ts";
import { attachNetwork, detachNetwork, type NetworkDeps } from "./network.ts";
import { deleteRecord, type RecordDeps, recordPod, writeMetadata } from "./record.ts";
import { type StartDeps, startSandbox } from "./start.ts";
import { createSandboxTask, prepareSandboxSnapshot, type TaskDeps } from "./task.ts";

const log = logger("pods");

type StepDeps =
  & RecordDeps
  & StartDeps
  & TaskDeps
  & FilesDeps
  & NetworkDeps
  & UserNamespaceDeps
  & RuntimeStateDeps;

export type RunDeps = StepDeps & {
  readonly names: NameRegistry;
  readonly podFlights: Flights<SandboxId>;
  readonly podLocks: KeyedLock<SandboxId>;
  readonly linux: {
    pinNetns(path: string): void;
    pinNetnsOf(pid: number, path: string): void;
    unpinNetns(path: string): void;
  };
};

/**
 * Makes and starts a pod sandbox. The same request again joins the one in progress.
 *
 * @throws CriError invalidArgument, alreadyExists for a name in use, and what the steps throw
 */
export function runPodSandbox(
  deps: RunDeps,
  request: RunPodSandboxRequest,
  signal: AbortSignal,
): Promise<SandboxId> {
  const pod = newPod(deps, request);
  const name = pod.metadata.name;
  const fingerprint = RunPodSandboxRequest.encode(request).finish().toBase64();
  return deps.podFlights.join({ name, request: fingerprint, signal }, (signal) => {
    const operation = new Operation(`run pod ${podName(pod)} (${pod.id})`, signal);
    const { promise: result, resolve, reject } = Promise.withResolvers<SandboxId>();
    deps.podLocks.run(pod.id, signal, async () => {
      resolve(await run(deps, operation, pod));
      // Other verbs find a pod that has started.
      await startEnded(deps, pod.id);
    }).catch(reject);
    return { operation, result };
  });
}

function newPod(deps: RunDeps, { config, runtimeHandler }: RunPodSandboxRequest): Sandbox {
  if (config?.metadata === undefined) throw new Error("the edge lets no pod pass without metadata");
  checkLogDirectory(config.logDirectory, deps.settings.logDirs);
  const id = newSandboxId();
  const runtime = runtimeFor(deps.settings, runtimeHandler);
  if (podNamespaces(config).user && !hasUserNamespaces(deps, runtime)) {
    throw noUserNamespaces(runtime);
  }
  return {
    id,
    metadata: {
      id,
      name: sandboxName(config.metadata),
      config,
      netnsPath: hasOwnNetwork(config) ? netnsPath(deps.settings, id) : "",
      ips: [],
      runtimeHandler,
      cniResult: undefined,
      processLabel: "",
    },
    createdAtNs: 0n,
    state: { kind: "pending" },
    runtimeType: runtime.type,
    snapshotter: runtime.snapshotter,
    leftovers: [],
  };
}

function noUserNamespaces({ name, snapshotter }: Runtime): CriError {
  const what = `Pods of the runtime ${name} can't have user namespaces on this node`;
  return new CriError("failedPrecondition", what, {
    remedy: "they take runc 1.2 or later, Linux 5.19 or later, and containerd 2.0 or later with " +
      `a snapshotter that maps owners, which is asked of ${snapshotter}`,
  });
}

async function run(deps: RunDeps, op: Operation, asked: Sandbox): Promise<SandboxId> {
  const { id } = asked;
  try {
    await op.step("reserve the name", () => deps.names.reserve(asked.metadata.name, id), () => {
      deps.names.release(id);
    });
    const pod = await op.step("allot its SELinux label", () => labelled(deps, asked), () => {
      releaseLevel(deps, id);
    });
    const image = await op.step("find the sandbox image", () => deps.sandboxImage(op.signal));
    await op.step(
      "record the pod",
      () => recordPod(deps, { pod, image }, op.signal),
      (signal) => deleteRecord(deps, id, signal),
    );
    const ownsUsers = podNamespaces(pod.metadata.config).user;
    const [pid, early] = await both(
      op.signal,
      async (signal) => {
        const rootfs = await op.step(
          "prepare the snapshot and files",
          () => prepare(deps, { pod, chainId: image.chainId }, signal),
          (signal) => unprepare(deps, pod, signal),
        );
        return await op.step(
          "create the sandbox's task",
          () => createSandboxTask(deps, { id, rootfs }),
          async (signal) => {
            await endTask(deps.containerd.tasks, id, signal);
            await clearRuntimeState(deps, { id, pod: pod.metadata });
          },
        );
      },
      async (signal) => ownsUsers ? undefined : await connect(deps, op, { pod, signal }),
    );
    const metadata = early ?? await connect(deps, op, { pod, signal: op.signal, taskPid: pid });
    op.undo.keep();
    deps.sandboxes.update(id, { metadata, state: { kind: "ready", pid } });
    startSandbox(deps, pod);
    log.info("Pod {pod} is ready", { pod: podName(pod), sandboxId: id, ips: metadata.ips });
    return id;
  } catch (error) {
    throw await failed(deps, op, { pod: asked, error });
  }
}

function labelled(deps: RunDeps, { metadata, ...pod }: Sandbox): Sandbox {
  return { ...pod, metadata: { ...metadata, processLabel: allotPodLabel(deps, metadata) } };
}

/**
 * Branch 2c and 3: the pinned namespace and CNI's work in it. A namespace that the runtime made is
 * that of the task.
 */
async function connect(
  deps: RunDeps,
  op: Operation,
  { pod, signal, taskPid }: { pod: Sandbox; signal: AbortSignal; taskPid?: number },
): Promise<Sandbox["metadata"]> {
  const { metadata } = pod;
  const { netnsPath } = metadata;
  if (netnsPath === "") return metadata;
  await op.step(
    "pin the network namespace",
    () =>
      taskPid === undefined
        ? deps.linux.pinNetns(netnsPath)
        : deps.linux.pinNetnsOf(taskPid, netnsPath),
    () => deps.linux.unpinNetns(netnsPath),
  );
  const result = await op.step(
    "attach the network",
    () => attachNetwork(deps, metadata, signal),
    (signal) => detachNetwork(deps, metadata, signal),
  );
  const connected = { ...metadata, ips: result.ips, cniResult: toGoCniResult(result) };
  await op.step("record the addresses", () => writeMetadata(deps, connected, signal));
  return connected;
}

async function prepare(
  deps: RunDeps,
  { pod, chainId }: { pod: Sandbox; chainId: string },
  signal: AbortSignal,
): ReturnType<typeof prepareSandboxSnapshot> {
  const [rootfs] = await both(
    signal,
    (signal) => prepareSandboxSnapshot(deps, { pod, chainId }, signal),
    () => makePodFiles(deps, pod.metadata),
  );
  return inContext(rootfs, filesLabel(deps, pod.metadata));
}

async function unprepare(deps: RunDeps, pod: Sandbox, signal: AbortSignal): Promise<void> {
  await removeSnapshot(deps, { snapshotter: pod.snapshotter, snapshotKey: pod.id }, signal);
  await removePodFiles(deps, pod.id);
}

/** Takes everything back; what can't be taken back stays listed as NotReady until it is removed. */
async function failed(
  deps: RunDeps,
  op: Operation,
  { pod, error }: { pod: Sandbox; error: unknown },
): Promise<unknown> {
  const stage = op.stage;
  const leftovers = await op.undo.run();
  const failure = during(`Cannot ${op.what}`, error);
  if (leftovers.length === 0) return failure;
  failure.leftovers = leftovers;
  deps.sandboxes.update(pod.id, { state: { kind: "notReady", released: false }, leftovers });
  log.error("Pod {pod} could not be run, nor all of it undone", {
    pod: podName(pod),
    sandboxId: pod.id,
    stage,
    leftovers,
  });
  return failure;
}
