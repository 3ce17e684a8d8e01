/** Options for runtimes, as containerd's shims take them. */
import { Options as ShimOptions } from "../gen/containerd/types/runtimeoptions/v1/api.ts";
import { CheckpointOptions, Options } from "../gen/containerd/types/runc/options/oci.ts";
import type { TypedAny } from "./types.ts";

export interface RuncOptions {
  /** Name or path of the runc executable, "" for `runc` on the shim's PATH. */
  binaryName?: string;
  /** Where runc keeps its state. */
  root?: string;
  /** Cgroups through systemd instead of the file system. */
  systemdCgroup?: boolean;
  /** Owner of the stdio pipes: the pod's root under user namespaces. */
  ioUid?: number;
  ioGid?: number;
  noPivotRoot?: boolean;
  noNewKeyring?: boolean;
  /** The cgroup of the shim itself. */
  shimCgroup?: string;
}

/** The same options with the stdio pipes belonging to somebody else. */
export function withIoOwner(options: TypedAny, owner: { uid: number; gid: number }): TypedAny {
  const decoded = Options.decode(options.value);
  return {
    typeUrl: options.typeUrl,
    value: Options.encode({ ...decoded, ioUid: owner.uid, ioGid: owner.gid }).finish(),
  };
}

/** Options of shims other than runc's: where they find their own configuration. */
export function shimOptions(
  { typeUrl, configPath }: { typeUrl: string; configPath: string },
): TypedAny {
  return {
    typeUrl: "runtimeoptions.v1.Options",
    value: ShimOptions.encode(ShimOptions.fromPartial({ typeUrl, configPath })).finish(),
  };
}

/** Options of `io.containerd.runc.v2`, the same message in containerd 1.6 and 2.x. */
export function runcOptions(options: RuncOptions): TypedAny {
  return {
    typeUrl: "containerd.runc.v1.Options",
    value: Options.encode(Options.fromPartial(options)).finish(),
  };
}

/** Options of a checkpoint by `io.containerd.runc.v2`, which goes on running. */
export function checkpointOptions(folders: { imagePath: string; workPath: string }): TypedAny {
  return {
    typeUrl: "containerd.runc.v1.CheckpointOptions",
    value: CheckpointOptions.encode(CheckpointOptions.fromPartial(folders)).finish(),
  };
}
