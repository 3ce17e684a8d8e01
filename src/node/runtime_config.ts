/** RuntimeConfig: what the kubelet has to do as we do. */
import {
  CgroupDriver,
  type RuntimeConfigResponse,
  type UpdateRuntimeConfigRequest,
  type UpdateRuntimeConfigResponse,
} from "../gen/cri/v1/api.ts";
import { logger } from "../base/log.ts";
import type { Settings } from "../state/settings.ts";

const log = logger("node");

/** The cgroup driver, which the kubelet takes over (CRI, RuntimeConfig). */
export function runtimeConfig(
  deps: { readonly settings: Pick<Settings, "cgroupDriver"> },
): RuntimeConfigResponse {
  const isSystemd = deps.settings.cgroupDriver === "systemd";
  return { linux: { cgroupDriver: isSystemd ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS } };
}

/** The pods' range of addresses belongs to the network's configuration, which an add-on writes. */
export function updateRuntimeConfig(
  { runtimeConfig }: UpdateRuntimeConfigRequest,
): UpdateRuntimeConfigResponse {
  const podCidr = runtimeConfig?.networkConfig?.podCidr ?? "";
  if (podCidr !== "") log.info("The kubelet says that pods have {podCidr}", { podCidr });
  return {};
}
