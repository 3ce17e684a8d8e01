/** Version: who answers, and which containerd runs the containers. */
import { CriError } from "../base/errors.ts";
import type { VersionResponse } from "../gen/cri/v1/api.ts";
import { VERSION } from "../base/version.ts";

/** The version of the kubelet's side of the contract, the same since the CRI began. */
const KUBELET_API_VERSION = "0.1.0";

export interface VersionDeps {
  /** The version of containerd, undefined until it has answered once. */
  containerdVersion(): string | undefined;
}

/**
 * Names containerd as the runtime: container ids begin with `containerd://` in the API server, and
 * tools tell by that what they look at. Our own version is behind the plus sign.
 *
 * @throws CriError unavailable until containerd has answered once
 */
export function version(deps: VersionDeps): VersionResponse {
  const containerd = deps.containerdVersion();
  if (containerd === undefined) {
    throw new CriError("unavailable", "containerd has not answered yet", {
      remedy: "is it running? its socket is containerd.address in the configuration",
    });
  }
  return {
    version: KUBELET_API_VERSION,
    runtimeName: "containerd",
    runtimeVersion: `${containerd}+cri-containerd.${VERSION}`,
    runtimeApiVersion: "v1",
  };
}
