/** Pod sandboxes in memory. */
import { CriError } from "../base/errors.ts";
import type { SandboxId } from "../base/id.ts";
import type { SandboxMetadata } from "./metadata.ts";
import type { SandboxState } from "./status.ts";
import { RecordStore } from "./store.ts";

export interface Sandbox {
  readonly id: SandboxId;
  readonly metadata: SandboxMetadata;
  readonly createdAtNs: bigint;
  readonly state: SandboxState;
  /** The containerd runtime type, such as io.containerd.runc.v2. */
  readonly runtimeType: string;
  /** The snapshotter that holds its root filesystem, under the pod's id. */
  readonly snapshotter: string;
  /** What the last failed undo left, by step; empty for almost every pod. */
  readonly leftovers: readonly string[];
}

export class SandboxStore extends RecordStore<SandboxId, Sandbox> {
  constructor() {
    super("pod sandbox");
  }
}

/**
 * Starts of pods' own processes that are under way. A pod is ready before: its namespaces, cgroup and
 * network are there. Its containers start after it. These promises don't fail, the pod is not ready then.
 */
export type PodStarts = Map<SandboxId, Promise<void>>;

/** Waits until the start of a pod's own process is over, if it is under way. */
export async function startEnded(
  { podStarts }: { readonly podStarts: PodStarts },
  id: SandboxId,
): Promise<void> {
  await podStarts.get(id);
}

/**
 * @param what what can't be done then, where no caller adds it
 * @throws CriError failedPrecondition for a pod that isn't ready, with why where it is known
 */
export function assertReady({ state }: Pick<Sandbox, "state">, what?: string): void {
  if (state.kind === "ready") return;
  const action = what === undefined ? "" : `Cannot ${what}: `;
  const why = state.kind === "notReady" && state.reason !== undefined ? `: ${state.reason}` : "";
  throw new CriError("failedPrecondition", `${action}the pod is not ready${why}`);
}

/** "namespace/name", as people and logs call a pod. */
export function podName(sandbox: Pick<Sandbox, "metadata">): string {
  const metadata = sandbox.metadata.config.metadata;
  return metadata === undefined ? sandbox.metadata.id : `${metadata.namespace}/${metadata.name}`;
}

/** Whether the pod lives in the host's network namespace. */
export function usesHostNetwork(sandbox: Pick<Sandbox, "metadata">): boolean {
  return sandbox.metadata.netnsPath === "";
}
