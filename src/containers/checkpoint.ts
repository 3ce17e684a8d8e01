/**
 * CheckpointContainer: a running container as an archive, for whoever examines or restores it.
 *
 *   1  a folder, which also says that this is under way  undo: remove it
 *   2  hold the container's processes still              undo: let them go on
 *   3  have CRIU write their memory into the folder
 *   4  what they changed in the root filesystem
 *   ·  let them go on, and write the archive
 *
 * What is undone here is undone after a success too: the archive alone stays.
 */
import { CriError, during, isKind, toCriError } from "../base/errors.ts";
import { makePrivateFolder } from "../base/private_folder.ts";
import { removePath } from "../base/gone.ts";
import type { ContainerId } from "../base/id.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Tasks } from "../containerd/tasks.ts";
import { withLease } from "../images/lease.ts";
import type { ImageStore } from "../images/store.ts";
import { type Container, containerLabel, type ContainerStore } from "../state/containers.ts";
import { checkpointDir } from "../state/folders.ts";
import type { SandboxStore } from "../state/sandboxes.ts";
import { runtimeFor, type Settings } from "../state/settings.ts";
import { members } from "./checkpoint_members.ts";
import { checkArchivePath, partOf, writeArchive } from "./checkpoint_archive.ts";
import { runningContainer } from "./exec_process.ts";
import { rootfsChanges } from "./rootfs_changes.ts";

const log = logger("containers");

/** When the request names none (CRI, CheckpointContainerRequest.timeout). */
const DEFAULT_TIMEOUT_SECONDS = 600n;

/** More than setTimeout counts. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Letting a container go on must not wait for the one who asked. */
const RESUME_TIMEOUT_MS = 30_000;

/** Where runc looks for it, whatever PATH its shim has. */
const PROGRAM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin"];

export interface CheckpointDeps {
  readonly containerd: Pick<
    Containerd,
    "containers" | "tasks" | "snapshots" | "diff" | "content" | "leases"
  >;
  readonly containers: ContainerStore;
  readonly sandboxes: Pick<SandboxStore, "find">;
  readonly images: Pick<ImageStore, "find">;
  readonly settings: Settings;
  readonly linux: {
    listFolder(path: string): string[];
    readBytesIfAny(path: string, maxBytes: number): Uint8Array | undefined;
  };
}

export interface CheckpointRequest {
  readonly idOrPrefix: string;
  readonly location: string;
  /** 0 for the default. */
  readonly timeoutSeconds: bigint;
}

/**
 * Writes a checkpoint of a running container to a file. The container goes on running.
 *
 * @throws CriError notFound, invalidArgument for a place outside the folders of checkpoints,
 *   failedPrecondition for a container that doesn't run or that CRIU can't dump, unimplemented
 *   without CRIU or with a runtime that isn't runc, deadlineExceeded
 */
export async function checkpointContainer(
  deps: CheckpointDeps,
  { idOrPrefix, location, timeoutSeconds }: CheckpointRequest,
  signal: AbortSignal,
): Promise<void> {
  const container = runningContainer(deps, idOrPrefix, "checkpoint");
  const { id } = container;
  const path = checkArchivePath(location, deps.settings.checkpointDirs);
  const what = `checkpoint container ${containerLabel(container)} (${id})`;
  const timeoutMs = Number(timeoutSeconds || DEFAULT_TIMEOUT_SECONDS) * 1000;
  const time = AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMEOUT_MS));
  const op = new Operation(what, AbortSignal.any([signal, time]));
  try {
    checkCriu(deps, container);
    await checkpoint(deps, op, { container, path });
  } catch (error) {
    throw during(`Cannot ${what}`, time.aborted ? tooLate(timeoutMs, error) : error);
  } finally {
    const leftovers = await op.undo.run();
    if (leftovers.length > 0) {
      log.error("Cannot tidy up after the checkpoint of {containerId}: {leftovers}", {
        containerId: id,
        leftovers,
      });
    }
  }
  log.info("Container {container} is checkpointed to {path}", {
    container: containerLabel(container),
    containerId: id,
    path,
  });
}

function tooLate(timeoutMs: number, cause: unknown): CriError {
  const text = `It is not done after ${timeoutMs / 1000} s`;
  return new CriError("deadlineExceeded", text, { cause });
}

async function checkpoint(
  deps: CheckpointDeps,
  op: Operation,
  { container, path }: { container: Container; path: string },
): Promise<void> {
  const { id } = container;
  const { tasks, leases } = deps.containerd;
  const dir = checkpointDir(deps.settings, id);
  await refuseSecond(dir);
  await op.step("make a folder for it", async () => {
    await makePrivateFolder(dir, undefined);
    await Deno.mkdir(`${dir}/checkpoint`, { mode: 0o700 });
    await Deno.writeTextFile(`${dir}/part`, partOf(path));
  }, () => removePath(dir));
  const goOn = async () => await resume(tasks, id);
  await withLease(leases, op.signal, async (leaseId) => {
    await op.step("hold its processes still", () => tasks.pause(id, { signal: op.signal }), goOn);
    await op.step("dump its processes", () => dump(deps, { id, dir }, op.signal));
    const changes = await op.step(
      "find what it changed in its root filesystem",
      () => rootfsChanges(deps.containerd, { container, leaseId }, op.signal),
    );
    await op.step("let it go on", goOn);
    await op.step(
      "write the archive",
      () => writeArchive(path, members(deps, { container, dir, changes }, op.signal), op.signal),
    );
  });
}

/** Two at once would write into each other's folder. */
async function refuseSecond(dir: string): Promise<void> {
  if (!await isThere(dir)) return;
  throw new CriError("failedPrecondition", "It is being checkpointed already");
}

function isThere(path: string): Promise<boolean> {
  return Deno.lstat(path).then(() => true, () => false);
}

/** @throws CriError unimplemented where no CRIU could do it */
function checkCriu(deps: CheckpointDeps, { metadata }: Container): void {
  const pod = deps.sandboxes.find(metadata.sandboxId);
  const runtime = runtimeFor(deps.settings, pod?.metadata.runtimeHandler ?? "");
  if (runtime.stateDir === undefined) {
    throw new CriError("unimplemented", `The runtime ${runtime.type} can't be checkpointed`, {
      remedy: "only runc's containers can",
    });
  }
  if (PROGRAM_FOLDERS.some((folder) => namesIn(deps, folder).includes("criu"))) return;
  throw new CriError("unimplemented", "CRIU, which writes checkpoints, isn't on this node", {
    remedy: "install the package criu, and see that `criu check` finds the kernel good for it",
  });
}

function namesIn({ linux }: CheckpointDeps, folder: string): string[] {
  try {
    return linux.listFolder(folder);
  } catch {
    return [];
  }
}

async function dump(
  deps: CheckpointDeps,
  { id, dir }: { id: ContainerId; dir: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    await deps.containerd.tasks.checkpoint(
      id,
      { imagePath: `${dir}/checkpoint`, workPath: dir },
      { signal },
    );
  } catch (error) {
    if (isKind(error, "notFound")) {
      throw during("It ended meanwhile", error, "failedPrecondition");
    }
    if (signal.aborted) throw error;
    const complaint = await complaintOf(dir);
    throw new CriError("failedPrecondition", toCriError(error).message, {
      cause: error,
      remedy: `CRIU says: ${complaint ?? "nothing"}; see whether \`criu check\` finds all it needs`,
    });
  }
}

/** The last error in CRIU's own log, for people. */
async function complaintOf(dir: string): Promise<string | undefined> {
  const text = await Deno.readTextFile(`${dir}/dump.log`).catch(() => "");
  const line = text.split("\n").findLast((line) => line.includes("Error"));
  return line?.replace(/^\([\d.]+\)\s*/, "").trim().slice(0, 300);
}

/** Lets a container go on; one that isn't held does already, and one that is gone needn't. */
async function resume(tasks: Pick<Tasks, "resume" | "get">, id: ContainerId): Promise<void> {
  const options = { timeoutMs: RESUME_TIMEOUT_MS };
  try {
    const { status } = await tasks.get(id, options);
    if (status === "paused" || status === "pausing") await tasks.resume(id, options);
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
  }
}

/** What recovery needs of this. */
export interface EndCheckpointDeps {
  readonly containerd: { readonly tasks: Pick<Tasks, "resume" | "get"> };
  readonly settings: Settings;
}

/** Takes back a checkpoint that died with the daemon: its container may still be held. */
export async function endCheckpoint(deps: EndCheckpointDeps, id: ContainerId): Promise<void> {
  const dir = checkpointDir(deps.settings, id);
  // One look for each container of a node, which is all for nearly every one.
  if (!await isThere(dir)) return;
  const part = await Deno.readTextFile(`${dir}/part`).catch(() => undefined);
  try {
    await resume(deps.containerd.tasks, id);
    // Where this is to be done at all is said by the configuration, not by the file.
    if (part !== undefined) await removePath(checkArchivePath(part, deps.settings.checkpointDirs));
    await removePath(dir);
  } catch (error) {
    log.error("Cannot tidy up after the checkpoint of {containerId}: {error}", {
      containerId: id,
      error,
    });
  }
}
