/**
 * Results of ADD, of any version of the specification. They are read for what we need and handed
 * on as they came: a plugin's own keys must reach its DEL (multus-cni#1536).
 * https://www.cni.dev/docs/spec/#add-success
 */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import { isObject, type JsonObject } from "./json.ts";
import type { NetworkDns, NetworkInterface, NetworkResult, Route } from "./types.ts";
import { isAtLeast } from "./versions.ts";

const text = v.nullish(v.string(), "");
const texts = v.nullish(v.array(v.string()), []);
const interfaceSchema = v.object({
  name: v.string(),
  mac: text,
  sandbox: text,
  socketPath: text,
  pciID: text,
});
const ipSchema = v.object({
  address: v.string(),
  gateway: text,
  interface: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(-1))),
});
const optionalNumber = v.optional(v.number());
const routeSchema = v.object({
  dst: v.string(),
  gw: text,
  mtu: optionalNumber,
  advmss: optionalNumber,
  priority: optionalNumber,
  table: optionalNumber,
  scope: optionalNumber,
});
const dnsSchema = v.object({ nameservers: texts, domain: text, search: texts, options: texts });
const dns = v.nullish(dnsSchema, {});
const list = <S extends v.GenericSchema>(schema: S) => v.nullish(v.array(schema), []);

/** From 0.3.0 on. */
const resultSchema = v.object({
  interfaces: list(interfaceSchema),
  ips: list(ipSchema),
  routes: list(routeSchema),
  dns,
});
/** 0.1.0 and 0.2.0 have one address of each family and no interfaces. */
const oldFamily = v.nullish(v.object({ ip: v.string(), gateway: text, routes: list(routeSchema) }));
const oldSchema = v.object({ ip4: oldFamily, ip6: oldFamily, dns });

type Parsed = v.InferOutput<typeof resultSchema>;

/** The interface of one network and the result that it came to. */
export interface ChainResult {
  readonly ifName: string;
  readonly raw: JsonObject;
}

/**
 * What the results of a pod's networks say together; the first network's interface is the pod's.
 *
 * @throws CriError internal when a result isn't one, or gives the pod no address
 */
export function networkResult(results: readonly ChainResult[]): NetworkResult {
  const interfaces = new Map<string, NetworkInterface>();
  const routes: Route[] = [];
  const dns: NetworkDns[] = [];
  for (const { ifName, raw } of results) {
    const parsed = parseResult(raw);
    routes.push(...parsed.routes.map(routeOf));
    dns.push(parsed.dns);
    for (const [name, one] of interfacesOf(parsed, ifName)) interfaces.set(name, one);
  }
  const [first] = results;
  const ips = primaryFirst(interfaces.get(first?.ifName ?? "")?.ipConfigs.map(({ ip }) => ip));
  if (first === undefined || ips.length === 0) {
    throw new CriError("internal", `The network gave no address to ${first?.ifName ?? "the pod"}`, {
      remedy: "look at the ipam part of its configuration",
    });
  }
  return { ips, interfaces, routes, dns, raw: first.raw };
}

/** Kubernetes takes the first address as the pod's own: IPv4 where there is one. */
export function primaryFirst(ips: readonly string[] = []): string[] {
  const primary = ips.find((ip) => !ip.includes(":")) ?? ips[0];
  if (primary === undefined) return [];
  const at = ips.indexOf(primary);
  return [primary, ...ips.slice(0, at), ...ips.slice(at + 1)];
}

/** Addresses that name no interface are those of the pod's. */
function interfacesOf(parsed: Parsed, ifName: string): Map<string, NetworkInterface> {
  const found = new Map<string, NetworkInterface>();
  const ipConfigsOf = (isOwn: (index: number) => boolean) =>
    parsed.ips.filter((ip) => isOwn(ip.interface ?? -1))
      .map(({ address, gateway }) => ({ ip: withoutPrefix(address), gateway }));
  parsed.interfaces.forEach((one, i) => {
    found.set(one.name, {
      ipConfigs: ipConfigsOf((index) => index === i || (index === -1 && one.name === ifName)),
      mac: one.mac,
      sandbox: one.sandbox,
      pciId: one.pciID,
      socketPath: one.socketPath,
    });
  });
  if (!found.has(ifName)) {
    const ipConfigs = ipConfigsOf((index) => index === -1);
    found.set(ifName, { ipConfigs, mac: "", sandbox: "", pciId: "", socketPath: "" });
  }
  return found;
}

function parseResult(raw: JsonObject): Parsed {
  const isOld = raw.ip4 !== undefined || raw.ip6 !== undefined;
  const result = isOld ? v.safeParse(v.pipe(oldSchema, v.transform(fromOld)), raw) : undefined;
  const read = result ?? v.safeParse(resultSchema, raw);
  if (!read.success) {
    const [issue] = read.issues;
    throw new CriError(
      "internal",
      `The network's result has a wrong ${v.getDotPath(issue) ?? "form"}: ${issue.message}`,
    );
  }
  const outside = read.output.ips.find(({ interface: index }) =>
    (index ?? -1) >= read.output.interfaces.length
  );
  if (outside !== undefined) {
    throw new CriError(
      "internal",
      `The network's result has address ${outside.address} on an interface that isn't in it`,
    );
  }
  return read.output;
}

function fromOld({ ip4, ip6, dns }: v.InferOutput<typeof oldSchema>): Parsed {
  const families = [ip4, ip6].filter((one) => one !== undefined && one !== null);
  return {
    interfaces: [],
    ips: families.map(({ ip, gateway }) => ({ address: ip, gateway })),
    routes: families.flatMap(({ routes }) => routes),
    dns,
  };
}

function routeOf({ dst, gw, ...rest }: Parsed["routes"][number]): Route {
  return { dst, gw, ...rest };
}

function withoutPrefix(address: string): string {
  return address.replace(/\/\d+$/, "");
}

/**
 * A result in the version in which the chain is run, which a plugin is free to ignore. Only what
 * the versions differ in is touched: "version" of an address was given up with 1.0.0.
 */
export function inVersion(result: JsonObject, version: string): JsonObject {
  if (result.cniVersion === version) return result;
  const { ips } = result;
  const isOld = result.ip4 !== undefined || result.ip6 !== undefined;
  if (isOld || !Array.isArray(ips) || !isAtLeast(version, "0.3.0")) {
    return { ...result, cniVersion: version };
  }
  const items: unknown[] = ips;
  const wantsFamily = !isAtLeast(version, "1.0.0");
  return {
    ...result,
    cniVersion: version,
    ips: items.map((item) => {
      if (!isObject(item)) return item;
      const { version: family, ...rest } = item;
      if (!wantsFamily) return rest;
      const isSix = typeof item.address === "string" && item.address.includes(":");
      return { version: family ?? (isSix ? "6" : "4"), ...rest };
    }),
  };
}

/** Whether a cached result says anything: one that was put down before its ADD doesn't yet. */
export function isResult(value: unknown): value is JsonObject {
  return isObject(value) && Object.keys(value).some((key) => key !== "cniVersion");
}
