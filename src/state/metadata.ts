/**
 * What is known of a pod or container when it is made, and stored with its record in containerd:
 * versioned JSON in an extension, with the field names of containerd's CRI plugin.
 */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { ContainerId, SandboxId } from "../base/id.ts";
import { ContainerConfig, PodSandboxConfig } from "../gen/cri/v1/api.ts";
import { parseGoJson, toGoJson } from "./go_json.ts";
import { checkVersion, VERSION } from "./version.ts";

/** Of a pod sandbox. Everything but the network's result is fixed when the pod is recorded. */
export interface SandboxMetadata {
  readonly id: SandboxId;
  readonly name: string;
  readonly config: PodSandboxConfig;
  /** Where the network namespace is pinned, "" with the host's network. */
  readonly netnsPath: string;
  /** Addresses of the pod without prefix length, the primary one first. */
  readonly ips: readonly string[];
  readonly runtimeHandler: string;
  /** The CNI result in go-cni's shape, as JSON. */
  readonly cniResult: unknown;
  readonly processLabel: string;
}

/** Of a container. */
export interface ContainerMetadata {
  readonly id: ContainerId;
  readonly name: string;
  readonly sandboxId: SandboxId;
  readonly config: ContainerConfig;
  /** Image id, the digest of the image's configuration. */
  readonly imageRef: string;
  /** Absolute path of the log file, "" for none. */
  readonly logPath: string;
  /** Signal that asks the container to end, as the image says it: "SIGTERM", "15", "". */
  readonly stopSignal: string;
  readonly processLabel: string;
}

const text = v.optional(v.string(), "");

const sandboxSchema = v.object({
  Version: v.literal(VERSION),
  Metadata: v.object({
    ID: v.string(),
    Name: v.string(),
    Config: v.nullish(v.record(v.string(), v.unknown())),
    NetNSPath: text,
    IP: text,
    AdditionalIPs: v.nullish(v.array(v.string())),
    RuntimeHandler: text,
    CNIResult: v.optional(v.unknown()),
    ProcessLabel: text,
  }),
});

const containerSchema = v.object({
  Version: v.literal(VERSION),
  Metadata: v.object({
    ID: v.string(),
    Name: v.string(),
    SandboxID: v.string(),
    Config: v.nullish(v.record(v.string(), v.unknown())),
    ImageRef: text,
    LogPath: text,
    StopSignal: text,
    ProcessLabel: text,
  }),
});

/** The extension's bytes for a sandbox. */
export function encodeSandboxMetadata(metadata: SandboxMetadata): Uint8Array {
  const [ip = "", ...additional] = metadata.ips;
  return encode([
    ["ID", JSON.stringify(metadata.id)],
    ["Name", JSON.stringify(metadata.name)],
    ["Config", toGoJson(metadata.config)],
    ["NetNSPath", JSON.stringify(metadata.netnsPath)],
    ["IP", JSON.stringify(ip)],
    ["AdditionalIPs", JSON.stringify(additional)],
    ["RuntimeHandler", JSON.stringify(metadata.runtimeHandler)],
    ["CNIResult", JSON.stringify(metadata.cniResult ?? null)],
    ["ProcessLabel", JSON.stringify(metadata.processLabel)],
  ]);
}

/** The extension's bytes for a container. */
export function encodeContainerMetadata(metadata: ContainerMetadata): Uint8Array {
  return encode([
    ["ID", JSON.stringify(metadata.id)],
    ["Name", JSON.stringify(metadata.name)],
    ["SandboxID", JSON.stringify(metadata.sandboxId)],
    ["Config", toGoJson(metadata.config)],
    ["ImageRef", JSON.stringify(metadata.imageRef)],
    ["LogPath", JSON.stringify(metadata.logPath)],
    ["StopSignal", JSON.stringify(metadata.stopSignal)],
    ["ProcessLabel", JSON.stringify(metadata.processLabel)],
  ]);
}

function encode(fields: [name: string, json: string][]): Uint8Array {
  const body = fields.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",");
  return new TextEncoder().encode(`{"Version":"${VERSION}","Metadata":{${body}}}`);
}

/** @throws CriError internal when the bytes aren't the metadata of a sandbox */
export function decodeSandboxMetadata(bytes: Uint8Array): SandboxMetadata {
  const { Metadata: stored } = decode(sandboxSchema, bytes, "sandbox");
  return {
    id: stored.ID as SandboxId,
    name: stored.Name,
    config: PodSandboxConfig.fromJSON(stored.Config ?? {}),
    netnsPath: stored.NetNSPath,
    ips: stored.IP === "" ? [] : [stored.IP, ...(stored.AdditionalIPs ?? [])],
    runtimeHandler: stored.RuntimeHandler,
    cniResult: stored.CNIResult ?? undefined,
    processLabel: stored.ProcessLabel,
  };
}

/** @throws CriError internal when the bytes aren't the metadata of a container */
export function decodeContainerMetadata(bytes: Uint8Array): ContainerMetadata {
  const { Metadata: stored } = decode(containerSchema, bytes, "container");
  return {
    id: stored.ID as ContainerId,
    name: stored.Name,
    sandboxId: stored.SandboxID as SandboxId,
    config: ContainerConfig.fromJSON(stored.Config ?? {}),
    imageRef: stored.ImageRef,
    logPath: stored.LogPath,
    stopSignal: stored.StopSignal,
    processLabel: stored.ProcessLabel,
  };
}

function decode<S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
  what: string,
): v.InferOutput<S> {
  const subject = `The stored metadata of a ${what}`;
  try {
    const stored = parseGoJson(new TextDecoder().decode(bytes));
    checkVersion(stored, subject);
    return v.parse(schema, stored);
  } catch (cause) {
    if (cause instanceof CriError) throw cause;
    throw new CriError("internal", `${subject} can't be read`, { cause });
  }
}
