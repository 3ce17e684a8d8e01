/**
 * Devices that vendors describe in files: what a container with one of them gets besides.
 * https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
 */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { ContainerConfig } from "../gen/cri/v1/api.ts";
import { cleanPath, depth } from "./path.ts";
import type { Hook, HookName, SpecDevice, SpecMount } from "./spec.ts";
import type { Spec } from "./spec.ts";

const VERSIONS = ["0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0"];

/** Device plugins of before Kubernetes 1.28 name devices in annotations with this beginning. */
const ANNOTATION = "cdi.k8s.io/";

const KIND = /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*$/;
const DEVICE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/;

const integer = v.pipe(v.number(), v.integer());
const strings = v.optional(v.array(v.string()), []);
const absolute = v.pipe(v.string(), v.startsWith("/"));
const hookNames = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const satisfies readonly HookName[];

const edits = v.object({
  env: v.optional(v.array(v.pipe(v.string(), v.regex(/^[^=]+=/))), []),
  deviceNodes: v.optional(
    v.array(v.object({
      path: absolute,
      hostPath: v.optional(absolute),
      type: v.optional(v.picklist(["b", "c", "u", "p"])),
      major: v.optional(integer),
      minor: v.optional(integer),
      fileMode: v.optional(integer),
      permissions: v.optional(v.pipe(v.string(), v.regex(/^[rwm]{1,3}$/)), "rwm"),
      uid: v.optional(integer),
      gid: v.optional(integer),
    })),
    [],
  ),
  mounts: v.optional(
    v.array(v.object({
      hostPath: v.string(),
      containerPath: absolute,
      options: strings,
      type: v.optional(v.string(), ""),
    })),
    [],
  ),
  hooks: v.optional(
    v.array(v.object({
      hookName: v.picklist(hookNames),
      path: absolute,
      args: v.optional(v.array(v.string())),
      env: v.optional(v.array(v.string())),
      timeout: v.optional(integer),
    })),
    [],
  ),
  additionalGids: v.optional(v.array(integer), []),
  intelRdt: v.optional(v.record(v.string(), v.unknown())),
  // Interfaces that a runtime moves: none of the runtimes here can.
  netDevices: v.optional(v.pipe(v.array(v.unknown()), v.maxLength(0))),
});

const file = v.object({
  cdiVersion: v.picklist(VERSIONS),
  kind: v.pipe(v.string(), v.regex(KIND)),
  devices: v.pipe(
    v.array(v.object({
      name: v.pipe(v.string(), v.regex(DEVICE_NAME)),
      containerEdits: edits,
    })),
    v.minLength(1),
  ),
  containerEdits: v.optional(edits),
});

export type CdiEdits = v.InferOutput<typeof edits>;
export type CdiFile = v.InferOutput<typeof file>;

/**
 * A file's content, parsed from JSON or YAML already.
 *
 * @throws CriError failedPrecondition with the place that is wrong
 */
export function checkCdiFile(path: string, content: unknown): CdiFile {
  const parsed = v.safeParse(file, content);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const place = v.getDotPath(issue) ?? "the file";
  throw new CriError("failedPrecondition", `${path}: ${place}: ${issue.message}`);
}

/** The devices that a container asks for by name: `vendor.com/class=name`, each once. */
export function cdiNames({ CDIDevices, annotations }: ContainerConfig): string[] {
  const annotated = [...annotations].filter(([key]) => key.startsWith(ANNOTATION))
    .flatMap(([, value]) => value.split(",")).filter((name) => name !== "");
  return [...new Set([...CDIDevices.map(({ name }) => name), ...annotated])];
}

/**
 * What the named devices bring along: each device's own edits, and once those of its file.
 *
 * @param folders the files of each folder; a later folder counts before an earlier one
 * @throws CriError failedPrecondition for a device that no file has, or two of one folder
 */
export function findCdiEdits(
  names: readonly string[],
  folders: readonly (readonly CdiFile[])[],
): CdiEdits[] {
  const files = new Set<CdiFile>();
  const own = names.map((name) => {
    const found = findDevice(name, folders);
    files.add(found.file);
    return found.edits;
  });
  return [...own, ...[...files].flatMap(({ containerEdits }) => containerEdits ?? [])];
}

function findDevice(name: string, folders: readonly (readonly CdiFile[])[]) {
  const [kind = "", device = ""] = name.split("=", 2);
  for (const folder of folders.toReversed()) {
    const found = folder.filter((file) => file.kind === kind).flatMap((file) =>
      file.devices.filter((one) => one.name === device)
        .map(({ containerEdits: edits }) => ({ file, edits }))
    );
    const [first, second] = found;
    if (second !== undefined) {
      throw new CriError(
        "failedPrecondition",
        `Two CDI files of one folder describe ${quote(name)}`,
      );
    }
    if (first !== undefined) return first;
  }
  throw new CriError("failedPrecondition", `No CDI file describes the device ${quote(name)}`, {
    remedy: "install or start what writes the device's file, or correct cdi.spec_dirs",
  });
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

/** The spec with the edits made. `nodesAt` finds what a file doesn't say of a device node. */
export function applyCdiEdits(
  spec: Spec,
  all: readonly CdiEdits[],
  nodesAt: (path: string) => readonly SpecDevice[],
): Spec {
  return all.reduce((spec, edits) => applyEdits(spec, edits, nodesAt), spec);
}

function applyEdits(
  spec: Spec,
  edits: CdiEdits,
  nodesAt: (path: string) => readonly SpecDevice[],
): Spec {
  const { process, linux } = spec;
  const nodes = edits.deviceNodes.map((asked) => nodeOf(asked, nodesAt));
  const paths = new Set(nodes.map(({ node }) => node.path));
  const devices = [
    ...(linux.devices ?? []).filter(({ path }) => !paths.has(path)),
    ...nodes.map(({ node }) => node),
  ];
  const rules = nodes.flatMap(({ node: { type, major, minor }, access }) =>
    type === "p" ? [] : [{ allow: true, type, major, minor, access }]
  );
  const gids = [...process.user.additionalGids, ...edits.additionalGids.filter((gid) => gid > 0)];
  return {
    ...spec,
    process: {
      ...process,
      env: withEnv(process.env, edits.env),
      user: { ...process.user, additionalGids: [...new Set(gids)] },
    },
    mounts: withMounts(spec.mounts, edits.mounts),
    hooks: withHooks(spec.hooks, edits.hooks),
    linux: {
      ...linux,
      devices: devices.length === 0 ? undefined : devices,
      resources: { ...linux.resources, devices: [...linux.resources.devices ?? [], ...rules] },
      intelRdt: edits.intelRdt ?? linux.intelRdt,
    },
  };
}

function nodeOf(
  asked: CdiEdits["deviceNodes"][number],
  nodesAt: (path: string) => readonly SpecDevice[],
): { node: SpecDevice; access: string } {
  const hostPath = asked.hostPath ?? asked.path;
  const isWhole = asked.type !== undefined &&
    (asked.type === "p" || (asked.major !== undefined && asked.minor !== undefined));
  const found = isWhole ? undefined : nodesAt(hostPath)[0];
  if (!isWhole && found === undefined) {
    throw new CriError("failedPrecondition", `CDI device node ${quote(hostPath)} isn't there`);
  }
  const type = asked.type === "u" ? "c" : asked.type ?? found?.type ?? "c";
  const node = {
    path: cleanPath(asked.path),
    type,
    major: asked.major ?? found?.major ?? 0,
    minor: asked.minor ?? found?.minor ?? 0,
    fileMode: asked.fileMode ?? found?.fileMode ?? 0o660,
    uid: asked.uid ?? found?.uid ?? 0,
    gid: asked.gid ?? found?.gid ?? 0,
  };
  return { node, access: asked.permissions };
}

function withEnv(env: readonly string[], added: readonly string[]): string[] {
  const nameOf = (entry: string) => entry.slice(0, entry.indexOf("="));
  return [...new Map([...env, ...added].map((entry) => [nameOf(entry), entry])).values()];
}

/** Those near the root first, that none hide another; what was there keeps its order. */
function withMounts(mounts: readonly SpecMount[], added: CdiEdits["mounts"]): SpecMount[] {
  if (added.length === 0) return [...mounts];
  const own = added.map(({ hostPath, containerPath, type, options }): SpecMount => {
    const isBind = type === "" || type === "bind";
    const binds = options.includes("bind") || options.includes("rbind");
    return {
      destination: cleanPath(containerPath),
      type: isBind ? "bind" : type,
      source: hostPath,
      options: isBind && !binds ? ["rbind", ...options] : [...options],
    };
  });
  const taken = new Set(own.map(({ destination }) => destination));
  const others = mounts.filter(({ destination }) => !taken.has(destination));
  return [...others, ...own.sort((a, b) => depth(a.destination) - depth(b.destination))];
}

function withHooks(hooks: Spec["hooks"], added: CdiEdits["hooks"]): Spec["hooks"] {
  if (added.length === 0) return hooks;
  const result: Partial<Record<HookName, Hook[]>> = { ...hooks };
  for (const { hookName, ...hook } of added) {
    result[hookName] = [...(result[hookName] ?? []), hook];
  }
  return result;
}
