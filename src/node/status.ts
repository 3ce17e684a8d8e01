/** Status: whether pods can be run, and if not, what to do. */
import type { ConnectionState } from "../containerd/channel.ts";
import type { CniNetworks } from "../cni/types.ts";
import type {
  RuntimeCondition,
  RuntimeHandler,
  StatusRequest,
  StatusResponse,
} from "../gen/cri/v1/api.ts";
import { runtimeFor, type Settings } from "../state/settings.ts";
import { VERSION } from "../base/version.ts";
import { hasUserNamespaces, type UserNamespaceDeps } from "./user_namespaces.ts";

export interface StatusDeps extends UserNamespaceDeps {
  readonly settings: Settings;
  readonly network: Pick<CniNetworks, "status" | "describe">;
  readonly containerd: { connection(): ConnectionState };
  /** The configuration in containerd's shape, for tools that read it there. */
  describeConfig(): unknown;
}

export async function status(
  deps: StatusDeps,
  { verbose }: StatusRequest,
): Promise<StatusResponse> {
  return {
    status: { conditions: [runtimeReady(deps), await networkReady(deps)] },
    info: verbose ? await verboseInfo(deps) : new Map(),
    runtimeHandlers: runtimeHandlers(deps),
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false },
  };
}

function runtimeReady({ containerd }: StatusDeps): RuntimeCondition {
  const connection = containerd.connection();
  if (connection.state === "ready") {
    return { type: "RuntimeReady", status: true, reason: "", message: "" };
  }
  const seconds = Math.round((Date.now() - connection.since) / 1000);
  return {
    type: "RuntimeReady",
    status: false,
    reason: "ContainerdNotReachable",
    message: `containerd has not been reachable for ${seconds} s and is tried again: ` +
      connection.reason,
  };
}

async function networkReady({ network }: StatusDeps): Promise<RuntimeCondition> {
  const found = await network.status();
  if (found.ready) return { type: "NetworkReady", status: true, reason: "", message: "" };
  return {
    type: "NetworkReady",
    status: false,
    reason: "NetworkPluginNotReady",
    message: found.reason,
  };
}

/** The default runtime also under the empty name, by which pods without a RuntimeClass ask. */
function runtimeHandlers(deps: StatusDeps): RuntimeHandler[] {
  const { runtimes } = deps.settings;
  return ["", ...runtimes.keys()].map((name) => {
    const runtime = runtimeFor(deps.settings, name);
    const features = {
      recursiveReadOnlyMounts: runtime.features.recursiveReadonlyMounts,
      userNamespaces: hasUserNamespaces(deps, runtime),
    };
    return { name, features };
  });
}

async function verboseInfo(deps: StatusDeps): Promise<Map<string, string>> {
  const found = await deps.network.status();
  return new Map([
    ["config", JSON.stringify(deps.describeConfig())],
    ["cniconfig", JSON.stringify(deps.network.describe())],
    ["lastCNILoadStatus", found.ready ? "OK" : found.reason],
    ["version", VERSION],
    ["deno", Deno.version.deno],
  ]);
}
