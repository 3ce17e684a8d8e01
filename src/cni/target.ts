/** What the plugins of a chain are told of an attachment, the same for ADD, CHECK and DEL. */
import { invalidArgument } from "../base/errors.ts";
import { ifNameAt, isArgValue, isIfName, isName } from "./names.ts";
import type { Attachment } from "./types.ts";

/** One interface of one container in one network. */
export interface Target {
  readonly containerId: string;
  /** "" when the namespace is gone. */
  readonly netnsPath: string;
  readonly ifName: string;
  readonly args: readonly (readonly [string, string])[];
  /** By capability; each plugin gets those that it declares. */
  readonly capabilityArgs: Readonly<Record<string, unknown>>;
}

/** The target in the network at this place among the pod's. */
export function targetOf(attachment: Attachment, index: number): Target {
  return {
    containerId: attachment.containerId,
    netnsPath: attachment.netnsPath,
    ifName: ifNameAt(attachment.ifName, index),
    // Plugins refuse arguments that they don't know, unless told not to.
    args: [["IgnoreUnknown", "1"], ...attachment.args],
    capabilityArgs: capabilityArgs(attachment),
  };
}

/**
 * Why CNI doesn't allow an attachment with these names, undefined when it does.
 * What isn't allowed can't have been attached either.
 */
export function problemOf(attachment: Attachment): Error | undefined {
  const { containerId, ifName, args } = attachment;
  if (!isName(containerId)) return invalidArgument("containerId", quoteAs(containerId, "an id"));
  if (!isIfName(ifName)) return invalidArgument("ifName", quoteAs(ifName, "an interface's name"));
  for (const [key, value] of args) {
    if (!isArgValue(key) || !isArgValue(value)) {
      return invalidArgument(key, `${quoteAs(value, "allowed")}: ";" and "=" are not`);
    }
  }
  return undefined;
}

function quoteAs(value: string, what: string): string {
  return `${JSON.stringify(value)} is not ${what} in CNI`;
}

/** https://www.cni.dev/docs/conventions/#dynamic-plugin-specific-fields-capabilities--runtime-configuration */
function capabilityArgs(attachment: Attachment): Record<string, unknown> {
  const { portMappings, aliases, ipRanges, cgroupPath, mac } = attachment;
  const { bandwidth, dns, infinibandGUID, deviceID } = attachment;
  const all = {
    portMappings: portMappings.length === 0 ? undefined : portMappings,
    bandwidth,
    dns,
    aliases: aliases?.length === 0 ? undefined : aliases,
    ipRanges: ipRanges?.length === 0 ? undefined : ipRanges,
    cgroupPath: cgroupPath === "" ? undefined : cgroupPath,
    mac: mac === "" ? undefined : mac,
    infinibandGUID: infinibandGUID === "" ? undefined : infinibandGUID,
    deviceID: deviceID === "" ? undefined : deviceID,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
