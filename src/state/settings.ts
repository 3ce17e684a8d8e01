/** What the domain needs of the configuration, resolved once at start. */
import { CriError } from "../base/errors.ts";

/** What a runtime can do beyond what all can. */
export interface RuntimeFeatures {
  /** Mounts that are read-only together with all that is mounted below them. */
  readonly recursiveReadonlyMounts: boolean;
  /** Mounts that show files under other owners: user namespaces need them. */
  readonly idmappedMounts: boolean;
}

/** A file with a runtime spec, seen to be one. */
export interface BaseSpecFile {
  readonly path: string;
  readonly text: string;
}

/** One `[containerd.runtimes.NAME]`. */
export interface Runtime {
  readonly name: string;
  /** containerd's runtime type, such as io.containerd.runc.v2. */
  readonly type: string;
  /** Options for the shim, encoded. */
  readonly options: { readonly typeUrl: string; readonly value: Uint8Array } | undefined;
  readonly snapshotter: string;
  /** Pod annotations (`*` at the end matches any rest) that go into the sandbox's runtime spec. */
  readonly podAnnotations: readonly string[];
  /** The same for containers. */
  readonly containerAnnotations: readonly string[];
  readonly privilegedWithoutHostDevices: boolean;
  /** Containers may write to their own cgroup, where that is one of v2. */
  readonly cgroupWritable: boolean;
  /** What specs of containers start from; undefined is the built-in one. */
  readonly baseSpec: BaseSpecFile | undefined;
  /** Where runc keeps its record of each container; undefined for other runtimes. */
  readonly stateDir: string | undefined;
  readonly features: RuntimeFeatures;
}

export interface Settings {
  readonly rootDir: string;
  readonly stateDir: string;
  readonly netnsDir: string;
  readonly logDirs: readonly string[];
  readonly maxLogLineBytes: number;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  readonly runtimes: ReadonlyMap<string, Runtime>;
  readonly defaultRuntime: string;
  /** Folders of the files that describe CDI devices; a later one counts before an earlier one. */
  readonly cdiDirs: readonly string[];
  /** Folders under which checkpoints of containers may be written. */
  readonly checkpointDirs: readonly string[];
}

/**
 * The runtime behind a handler name; "" is the default one.
 *
 * @throws CriError invalidArgument for a handler that isn't configured
 */
export function runtimeFor(settings: Settings, handler: string): Runtime {
  const name = handler === "" ? settings.defaultRuntime : handler;
  const runtime = settings.runtimes.get(name);
  if (runtime !== undefined) return runtime;
  const known = [...settings.runtimes.keys()].join(", ");
  throw new CriError("invalidArgument", `runtime_handler: no runtime ${JSON.stringify(name)}`, {
    remedy: `configure [containerd.runtimes.${name}] or use one of: ${known}`,
  });
}
