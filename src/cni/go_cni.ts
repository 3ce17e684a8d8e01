/**
 * A result as go-cni's JSON, which containerd's CRI plugin keeps with a pod: a node can move
 * between the two with its pods running.
 */
import * as v from "valibot";
import { primaryFirst } from "./result.ts";
import type { NetworkInterface, NetworkResult } from "./types.ts";

/** Stored under the metadata's key CNIResult. */
export interface GoCniResult {
  readonly Interfaces: Record<string, GoCniInterface>;
  readonly DNS: readonly object[];
  readonly Routes: readonly object[] | null;
}

interface GoCniInterface {
  readonly IPConfigs: readonly { readonly IP: string; readonly Gateway: string }[] | null;
  readonly Mac: string;
  readonly Sandbox: string;
  readonly PciID: string;
  readonly SocketPath: string;
}

const storedSchema = v.object({
  Interfaces: v.record(
    v.string(),
    v.object({ IPConfigs: v.nullish(v.array(v.object({ IP: v.string() })), []) }),
  ),
});

/** The result in go-cni's shape. */
export function toGoCniResult(result: NetworkResult): GoCniResult {
  const entries = [...result.interfaces].map(([name, one]) => [name, goInterface(one)] as const);
  return {
    Interfaces: Object.fromEntries(entries),
    DNS: result.dns.map(withoutEmpty),
    Routes: result.routes.length === 0 ? null : result.routes.map(withoutEmpty),
  };
}

/**
 * The addresses of the pod's interface, the primary one first, out of go-cni's shape; none when
 * it isn't there.
 */
export function fromGoCniResult(stored: unknown, ifName = "eth0"): string[] {
  const parsed = v.safeParse(storedSchema, stored);
  if (!parsed.success) return [];
  const own = new Map(Object.entries(parsed.output.Interfaces)).get(ifName);
  return primaryFirst(own?.IPConfigs?.map(({ IP }) => IP));
}

function goInterface(one: NetworkInterface): GoCniInterface {
  const configs = one.ipConfigs.map(({ ip, gateway }) => ({ IP: ip, Gateway: gateway }));
  return {
    IPConfigs: configs.length === 0 ? null : configs,
    Mac: one.mac,
    Sandbox: one.sandbox,
    PciID: one.pciId,
    SocketPath: one.socketPath,
  };
}

/** Go leaves out what is empty. */
function withoutEmpty(value: object): object {
  return Object.fromEntries(
    Object.entries(value).filter(([, item]) =>
      item !== undefined && item !== "" && !(Array.isArray(item) && item.length === 0)
    ),
  );
}
