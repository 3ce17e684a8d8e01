/** Checks of requests about containers, before anything is done. */
import { invalidArgument } from "../../base/errors.ts";
import {
  type CheckpointContainerRequest,
  type ContainerConfig,
  type CreateContainerRequest,
  type KeyValue,
  type LinuxContainerResources,
  type Mount,
  MountPropagation,
  Signal,
  type StopContainerRequest,
  type UpdateContainerResourcesRequest,
} from "../../gen/cri/v1/api.ts";
import {
  checkAbsolutePath,
  checkEnum,
  checkId,
  checkName,
  checkNoNul,
  checkPairs,
  checkPath,
  checkRange,
} from "./fields.ts";

/** Grace periods above this are negative numbers read as unsigned, or worse. */
const MAX_TIMEOUT_SECONDS = 10n * 365n * 86_400n;

/** @throws CriError invalidArgument naming the field */
export function checkCreateContainer({ podSandboxId, config }: CreateContainerRequest): void {
  checkId("pod_sandbox_id", podSandboxId);
  if (config === undefined) throw invalidArgument("config", "is missing");
  if (config.metadata === undefined) throw invalidArgument("config.metadata", "is missing");
  checkNoNul("config", config);
  checkName("config.metadata.name", config.metadata.name);
  if (config.image === undefined || config.image.image === "") {
    throw invalidArgument("config.image.image", "is missing");
  }
  checkConfig(config);
}

function checkConfig(config: ContainerConfig): void {
  config.envs.forEach((env, index) => checkEnv(`config.envs[${index}]`, env));
  config.mounts.forEach((mount, index) => checkMount(`config.mounts[${index}]`, mount));
  config.devices.forEach((device, index) => {
    checkAbsolutePath(`config.devices[${index}].host_path`, device.hostPath);
    checkAbsolutePath(`config.devices[${index}].container_path`, device.containerPath);
    if (!/^[rwm]{0,3}$/.test(device.permissions)) {
      throw invalidArgument(`config.devices[${index}].permissions`, "is not some of r, w and m");
    }
  });
  checkPairs("config.labels", config.labels);
  checkPairs("config.annotations", config.annotations);
  if (config.workingDir !== "") checkAbsolutePath("config.working_dir", config.workingDir);
  if (config.logPath !== "") checkLogPath(config.logPath);
  checkEnum("config.stop_signal", config.stopSignal, Signal);
}

function checkEnv(field: string, { key }: KeyValue): void {
  if (key === "" || key.includes("=")) {
    throw invalidArgument(`${field}.key`, `${JSON.stringify(key)} is not a variable's name`);
  }
}

function checkMount(field: string, mount: Mount): void {
  checkAbsolutePath(`${field}.container_path`, mount.containerPath);
  checkEnum(`${field}.propagation`, mount.propagation, MountPropagation);
  const hasImage = mount.image !== undefined && mount.image.image !== "";
  if (!hasImage && mount.hostPath === "") throw invalidArgument(`${field}.host_path`, "is missing");
  if (hasImage && mount.hostPath !== "") {
    throw invalidArgument(`${field}.host_path`, "is not for an image mount");
  }
  if (mount.imageSubPath !== "") checkPath(`${field}.image_sub_path`, mount.imageSubPath);
  if (!hasImage) checkAbsolutePath(`${field}.host_path`, mount.hostPath);
}

function checkLogPath(path: string): void {
  if (path.startsWith("/")) {
    throw invalidArgument("config.log_path", "is absolute: it lies under the pod's log_directory");
  }
  checkPath("config.log_path", path);
}

/** @throws CriError invalidArgument naming the field */
export function checkStopContainer({ containerId, timeout }: StopContainerRequest): void {
  checkId("container_id", containerId);
  checkRange("timeout", timeout, { min: 0n, max: MAX_TIMEOUT_SECONDS });
}

/**
 * The resources that a request is to set.
 *
 * @throws CriError invalidArgument naming the field
 */
export function checkUpdateContainerResources(
  { containerId, linux, annotations }: UpdateContainerResourcesRequest,
): LinuxContainerResources {
  checkId("container_id", containerId);
  if (linux === undefined) throw invalidArgument("linux", "is missing");
  checkNoNul("linux", linux);
  checkPairs("annotations", annotations);
  return linux;
}

/** @throws CriError invalidArgument naming the field */
export function checkCheckpointContainer(
  { containerId, location, timeout }: CheckpointContainerRequest,
): void {
  checkId("container_id", containerId);
  checkAbsolutePath("location", location);
  checkRange("timeout", timeout, { min: 0n, max: MAX_TIMEOUT_SECONDS });
}
