/** Checks of requests about pods, before anything is done. */
import { invalidArgument } from "../../base/errors.ts";
import {
  type DNSConfig,
  NamespaceMode,
  type NamespaceOption,
  type PodSandboxConfig,
  type PortMapping,
  Protocol,
  type RunPodSandboxRequest,
  type UpdatePodSandboxResourcesRequest,
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
  checkWord,
} from "./fields.ts";

const MAX_PORT = 65535;
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/;

/** @throws CriError invalidArgument naming the field */
export function checkRunPodSandbox({ config, runtimeHandler }: RunPodSandboxRequest): void {
  if (config === undefined) throw invalidArgument("config", "is missing");
  checkPodConfig(config);
  if (runtimeHandler !== "") checkName("runtime_handler", runtimeHandler);
}

function checkPodConfig(config: PodSandboxConfig): void {
  const { metadata, linux } = config;
  if (metadata === undefined) throw invalidArgument("config.metadata", "is missing");
  checkNoNul("config", config);
  checkName("config.metadata.name", metadata.name);
  checkName("config.metadata.namespace", metadata.namespace);
  checkName("config.metadata.uid", metadata.uid);
  if (config.hostname !== "" && !HOSTNAME.test(config.hostname)) {
    throw invalidArgument(
      "config.hostname",
      `${JSON.stringify(config.hostname)} is not a hostname`,
    );
  }
  if (config.logDirectory !== "") checkAbsolutePath("config.log_directory", config.logDirectory);
  if (config.dnsConfig !== undefined) checkDns(config.dnsConfig);
  config.portMappings.forEach((port, index) => checkPort(`config.port_mappings[${index}]`, port));
  checkPairs("config.labels", config.labels);
  checkPairs("config.annotations", config.annotations);
  if (linux === undefined) return;
  if (linux.cgroupParent !== "") checkPath("config.linux.cgroup_parent", linux.cgroupParent);
  const options = linux.securityContext?.namespaceOptions;
  if (options !== undefined) {
    checkNamespaces("config.linux.security_context.namespace_options", options);
  }
}

function checkDns({ servers, searches, options }: DNSConfig): void {
  servers.forEach((word, index) => checkWord(`config.dns_config.servers[${index}]`, word));
  searches.forEach((word, index) => checkWord(`config.dns_config.searches[${index}]`, word));
  options.forEach((word, index) => checkWord(`config.dns_config.options[${index}]`, word));
}

function checkPort(field: string, port: PortMapping): void {
  checkEnum(`${field}.protocol`, port.protocol, Protocol);
  checkRange(`${field}.host_port`, port.hostPort, { min: 0, max: MAX_PORT });
  const min = port.hostPort > 0 ? 1 : 0;
  checkRange(`${field}.container_port`, port.containerPort, { min, max: MAX_PORT });
  if (port.hostIp !== "") checkWord(`${field}.host_ip`, port.hostIp);
}

/** A pod has namespaces of its own or the node's; CONTAINER is for pid alone, TARGET for containers. */
function checkNamespaces(field: string, options: NamespaceOption): void {
  for (const kind of ["network", "ipc", "pid"] as const) {
    checkEnum(`${field}.${kind}`, options[kind], NamespaceMode);
    const mode = options[kind];
    const isAllowed = mode === NamespaceMode.POD || mode === NamespaceMode.NODE ||
      (kind === "pid" && mode === NamespaceMode.CONTAINER);
    if (!isAllowed) {
      throw invalidArgument(`${field}.${kind}`, `${NamespaceMode[mode]} is not for a pod`);
    }
  }
}

/** @throws CriError invalidArgument naming the field */
export function checkUpdatePodSandboxResources(
  { podSandboxId, resources, overhead }: UpdatePodSandboxResourcesRequest,
): void {
  checkId("pod_sandbox_id", podSandboxId);
  if (resources === undefined && overhead === undefined) {
    throw invalidArgument("resources", "is missing, and so is overhead");
  }
  checkNoNul("resources", resources);
  checkNoNul("overhead", overhead);
}
