/** The pods' network: its configuration, its plugins, and a trial of both. */
import { CriError } from "../base/errors.ts";
import { errorText } from "../base/redact.ts";
import { type Finding, findingsOf } from "./finding.ts";
import { type Check, type Node } from "./node.ts";

const TRIAL_TIMEOUT_MS = 30_000;

export const checkNetwork: Check = async (node) => {
  const { ok, fail } = findingsOf("cni");
  const { bin_dirs, conf_dir } = node.config.cni;
  const status = await node.networks.status();
  if (!status.ready) {
    return [fail(
      status.reason,
      `install a network add-on, which writes to ${conf_dir} and brings its plugins to ` +
        `${bin_dirs.join(" or ")}`,
    )];
  }
  const found = ok(`Pods are attached to ${status.networkName} (${status.file})`);
  return node.isRoot ? [found, await trial(node)] : [found];
};

/** ADD and DEL in a namespace that belongs to no pod. Plugins keep what they make for the node. */
async function trial(node: Node): Promise<Finding> {
  const { ok, fail } = findingsOf("cni-trial");
  const netnsPath = `${node.scratch}/netns`;
  const attachment = {
    containerId: `doctor-${crypto.randomUUID()}`,
    netnsPath,
    ifName: "eth0",
    args: new Map<string, string>(),
    portMappings: [],
  };
  const began = performance.now();
  try {
    node.linux.pinNetns(netnsPath);
    try {
      const signal = AbortSignal.timeout(TRIAL_TIMEOUT_MS);
      const { ips } = await node.networks.attach(attachment, signal).finally(() =>
        node.networks.detach(attachment, AbortSignal.timeout(TRIAL_TIMEOUT_MS))
      );
      const ms = Math.round(performance.now() - began);
      return ok(`A trial got the address ${ips.join(", ")} and gave it back, in ${ms} ms`);
    } finally {
      node.linux.unpinNetns(netnsPath);
    }
  } catch (error) {
    const remedy = error instanceof CriError ? error.remedy : undefined;
    const text = error instanceof Error ? errorText(error) : String(error);
    return fail(
      `A trial of the network failed: ${text}`,
      remedy ?? "see to what the plugin names; its add-on's own log may say more",
    );
  }
}
