/** Every RPC of the CRI, a row each: check the request, call the verb, shape the answer. */
import { attach } from "../containers/attach.ts";
import { checkpointContainer, type CheckpointDeps } from "../containers/checkpoint.ts";
import { createContainer, type CreateDeps } from "../containers/create.ts";
import { exec, type ExecSessionDeps } from "../containers/exec.ts";
import { execSync, type ExecSyncDeps } from "../containers/exec_sync.ts";
import {
  containerEntries,
  listContainers,
  type ListDeps as ContainerListDeps,
} from "../containers/list.ts";
import { removeContainer, type RemoveDeps as RemoveContainerDeps } from "../containers/remove.ts";
import { reopenContainerLog, type ReopenDeps } from "../containers/reopen_log.ts";
import { startContainer, type StartDeps } from "../containers/start.ts";
import { containerStatus, type StatusDeps as ContainerStatusDeps } from "../containers/status.ts";
import { stopContainer, type StopDeps as StopContainerDeps } from "../containers/stop.ts";
import {
  updateContainerResources,
  type UpdateDeps as UpdateContainerDeps,
} from "../containers/update.ts";
import type { RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";
import { runtimeConfig, updateRuntimeConfig } from "../node/runtime_config.ts";
import { status, type StatusDeps as NodeStatusDeps } from "../node/status.ts";
import { version, type VersionDeps } from "../node/version.ts";
import { type ListDeps as PodListDeps, listPodSandbox, podEntries } from "../pods/list.ts";
import { portForward, type PortForwardDeps } from "../pods/port_forward.ts";
import { type RemoveDeps as RemovePodDeps, removePodSandbox } from "../pods/remove.ts";
import { type RunDeps, runPodSandbox } from "../pods/run.ts";
import { podSandboxStatus, type StatusDeps as PodStatusDeps } from "../pods/status.ts";
import { stopPodSandbox } from "../pods/stop.ts";
import { type UpdateDeps as UpdatePodDeps, updatePodSandboxResources } from "../pods/update.ts";
import { inMessages } from "./entries.ts";
import { type ObserveDeps, observeRows } from "./observe.ts";
import type { Handlers } from "./service_definition.ts";
import {
  checkCheckpointContainer,
  checkCreateContainer,
  checkStopContainer,
  checkUpdateContainerResources,
} from "./validate/container.ts";
import { checkId } from "./validate/fields.ts";
import { checkAttach, checkExec, checkExecSync, checkPortForward } from "./validate/streaming.ts";
import { checkRunPodSandbox, checkUpdatePodSandboxResources } from "./validate/pod.ts";

/** All that the verbs behind the runtime service need, put together by the server compartment. */
export type RuntimeDeps =
  & RunDeps
  & RemovePodDeps
  & PodListDeps
  & PodStatusDeps
  & CreateDeps
  & StartDeps
  & StopContainerDeps
  & RemoveContainerDeps
  & ContainerListDeps
  & ContainerStatusDeps
  & ReopenDeps
  & UpdateContainerDeps
  & CheckpointDeps
  & UpdatePodDeps
  & ExecSyncDeps
  & ExecSessionDeps
  & PortForwardDeps
  & NodeStatusDeps
  & VersionDeps
  & ObserveDeps;

type RuntimeHandlers = Handlers<typeof RuntimeServiceDefinition>;

export function runtimeService(deps: RuntimeDeps): RuntimeHandlers {
  return {
    ...nodeRows(deps),
    ...podRows(deps),
    ...containerRows(deps),
    ...streamRows(deps),
    ...observeRows(deps),
  };
}

function nodeRows(deps: RuntimeDeps) {
  return {
    version: () => version(deps),
    status: (request) => status(deps, request),
    runtimeConfig: () => runtimeConfig(deps),
    updateRuntimeConfig,
  } satisfies Partial<RuntimeHandlers>;
}

function podRows(deps: RuntimeDeps) {
  return {
    runPodSandbox: async (request, signal) => {
      checkRunPodSandbox(request);
      return { podSandboxId: await runPodSandbox(deps, request, signal) };
    },
    stopPodSandbox: async ({ podSandboxId }, signal) => {
      checkId("pod_sandbox_id", podSandboxId);
      await stopPodSandbox(deps, podSandboxId, signal);
      return {};
    },
    removePodSandbox: async ({ podSandboxId }, signal) => {
      checkId("pod_sandbox_id", podSandboxId);
      await removePodSandbox(deps, podSandboxId, signal);
      return {};
    },
    podSandboxStatus: (request, signal) => {
      checkId("pod_sandbox_id", request.podSandboxId);
      return podSandboxStatus(deps, request, signal);
    },
    listPodSandbox: (request) => listPodSandbox(deps, request),
    updatePodSandboxResources: async (request, signal) => {
      checkUpdatePodSandboxResources(request);
      const { podSandboxId: idOrPrefix, resources, overhead } = request;
      await updatePodSandboxResources(deps, { idOrPrefix, resources, overhead }, signal);
      return {};
    },
    streamPodSandboxes: ({ filter }) => inMessages(podEntries(deps, filter)),
  } satisfies Partial<RuntimeHandlers>;
}

function containerRows(deps: RuntimeDeps) {
  return {
    createContainer: async (request, signal) => {
      checkCreateContainer(request);
      return { containerId: await createContainer(deps, request, signal) };
    },
    startContainer: async ({ containerId }, signal) => {
      checkId("container_id", containerId);
      await startContainer(deps, containerId, signal);
      return {};
    },
    stopContainer: async (request, signal) => {
      checkStopContainer(request);
      const { containerId: idOrPrefix, timeout: timeoutSeconds } = request;
      await stopContainer(deps, { idOrPrefix, timeoutSeconds }, signal);
      return {};
    },
    removeContainer: async ({ containerId }, signal) => {
      checkId("container_id", containerId);
      await removeContainer(deps, containerId, signal);
      return {};
    },
    containerStatus: (request, signal) => {
      checkId("container_id", request.containerId);
      return containerStatus(deps, request, signal);
    },
    listContainers: (request) => listContainers(deps, request),
    streamContainers: ({ filter }) => inMessages(containerEntries(deps, filter)),
    updateContainerResources: async (request, signal) => {
      const { containerId: idOrPrefix } = request;
      const resources = checkUpdateContainerResources(request);
      await updateContainerResources(deps, { idOrPrefix, resources }, signal);
      return {};
    },
    checkpointContainer: async (request, signal) => {
      checkCheckpointContainer(request);
      const { containerId: idOrPrefix, location, timeout: timeoutSeconds } = request;
      await checkpointContainer(deps, { idOrPrefix, location, timeoutSeconds }, signal);
      return {};
    },
    reopenContainerLog: async ({ containerId }) => {
      checkId("container_id", containerId);
      await reopenContainerLog(deps, containerId);
      return {};
    },
  } satisfies Partial<RuntimeHandlers>;
}

function streamRows(deps: RuntimeDeps) {
  return {
    execSync: (request, signal) => {
      checkExecSync(request);
      return execSync(deps, request, signal);
    },
    exec: (request, signal) => {
      checkExec(request);
      return exec(deps, request, signal);
    },
    attach: (request, signal) => {
      checkAttach(request);
      return attach(deps, request, signal);
    },
    portForward: (request, signal) => {
      checkPortForward(request);
      return portForward(deps, request, signal);
    },
  } satisfies Partial<RuntimeHandlers>;
}
