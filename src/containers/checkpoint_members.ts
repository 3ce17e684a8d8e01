/**
 * What is in the archive of a checkpoint, under the names that containerd and CRI-O use and
 * `checkpointctl` reads:
 *
 *   config.dump      what the container is called and made of
 *   spec.dump        its runtime spec
 *   status.dump      its CRI status
 *   status           its times, as the node keeps them
 *   checkpoint/      CRIU's images
 *   dump.log, stats-dump   what CRIU says of its work
 *   rootfs-diff.tar  what it changed in its root filesystem
 *   container.log    what it has written
 */
import { logger } from "../base/log.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Descriptor } from "../containerd/types.ts";
import type { ImageStore } from "../images/store.ts";
import { tarEnd, tarFile, tarFolder } from "../images/tar_writer.ts";
import { encodeCheckpoint } from "../state/checkpoint.ts";
import type { Container } from "../state/containers.ts";
import { toGoJson } from "../state/go_json.ts";
import { statusOf } from "./status.ts";

const log = logger("containers");

/** The kubelet rotates logs long before. */
const MAX_LOG_BYTES = 256 * 1024 * 1024;

const encode = (text: string) => new TextEncoder().encode(text);

export interface MembersDeps {
  readonly containerd: Pick<Containerd, "containers" | "content">;
  readonly images: Pick<ImageStore, "find">;
  readonly linux: { readBytesIfAny(path: string, maxBytes: number): Uint8Array | undefined };
}

interface Found {
  readonly container: Container;
  /** Where CRIU wrote. */
  readonly dir: string;
  readonly changes: Descriptor;
}

/** The archive, piece by piece. */
export async function* members(
  deps: MembersDeps,
  { container, dir, changes }: Found,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { id, createdAtNs, state, metadata } = container;
  const record = await deps.containerd.containers.get(id, { signal });
  const status = statusOf(deps, container);
  const config = configDump(container, {
    runtime: record.runtime.name,
    image: status.image?.image,
  });
  yield* tarFile(
    "config.dump",
    encode(JSON.stringify({ ...config, rootfsImageRef: status.imageRef })),
  );
  yield* tarFile("spec.dump", record.spec?.value ?? new Uint8Array());
  yield* tarFile("status.dump", encode(toGoJson(status)));
  yield* tarFile("status", encode(encodeCheckpoint({ createdAtNs, state })));
  yield* tarFolder("checkpoint/");
  for (const name of await filesIn(`${dir}/checkpoint`)) {
    yield* fileOf(`${dir}/checkpoint/${name}`, `checkpoint/${name}`);
  }
  for (const name of await filesIn(dir)) {
    if (name === "dump.log" || name === "stats-dump") yield* fileOf(`${dir}/${name}`, name);
  }
  const content = deps.containerd.content.readStream(changes.digest, { signal });
  yield* tarFile("rootfs-diff.tar", content, Number(changes.sizeBytes));
  const written = logOf(deps, metadata.logPath);
  if (written !== undefined) yield* tarFile("container.log", written);
  yield tarEnd();
}

/** https://github.com/checkpoint-restore/checkpointctl/blob/main/lib/metadata.go, ContainerConfig */
function configDump(
  { id, metadata, createdAtNs }: Container,
  { runtime, image }: { runtime: string; image: string | undefined },
): Record<string, unknown> {
  return {
    id,
    name: metadata.name,
    rootfsImage: image,
    rootfsImageName: image,
    runtime,
    createdTime: new Date(Number(createdAtNs / 1_000_000n)).toISOString(),
    checkpointedTime: new Date().toISOString(),
    // Go's zero time.
    restoredTime: "0001-01-01T00:00:00Z",
    restored: false,
  };
}

async function* fileOf(path: string, name: string): AsyncGenerator<Uint8Array> {
  const { size } = await Deno.stat(path);
  using file = await Deno.open(path);
  yield* tarFile(name, pieces(file), size);
}

const PIECE_BYTES = 256 * 1024;

async function* pieces(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  while (true) {
    const piece = new Uint8Array(PIECE_BYTES);
    const read = await file.read(piece);
    if (read === null) return;
    yield piece.subarray(0, read);
  }
}

async function filesIn(dir: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  return entries.filter(({ isFile }) => isFile).map(({ name }) => name).sort();
}

/** Logs lie where this compartment may not look but through the kernel. */
function logOf({ linux }: MembersDeps, path: string): Uint8Array | undefined {
  if (path === "") return undefined;
  try {
    return linux.readBytesIfAny(path, MAX_LOG_BYTES);
  } catch (error) {
    log.warn("The log {path} is left out of the checkpoint: {error}", { path, error });
    return undefined;
  }
}
