// deno-lint-ignore-file require-await -- the interface is asynchronous, the fake answers at once
/** Content of the fake containerd: blobs in memory, checked like real ones. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { CriError, notFound } from "../../src/base/errors.ts";
import type { Content, NewContent, Source } from "../../src/containerd/content.ts";
import { callAborted } from "../../src/containerd/errors.ts";
import type { Diff } from "../../src/containerd/diff.ts";
import { type Blob, type FakeWorld, setOrDelete } from "./containerd_world.ts";
import { fieldsOf, fits } from "./filters.ts";

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function blobOf(world: FakeWorld, digest: string): Blob {
  const blob = world.content.get(digest);
  if (blob === undefined) throw notFound("content", digest);
  return blob;
}

export function fakeContent(world: FakeWorld): Content {
  const setLabels: Content["setLabels"] = async (digest, labels) => {
    const { info } = blobOf(world, digest);
    for (const [name, value] of labels) setOrDelete(info.labels, name, value);
  };
  return {
    info: async (digest) => structuredClone(blobOf(world, digest).info),
    read: async (digest, { maxBytes }) => {
      const { bytes } = blobOf(world, digest);
      if (bytes.length <= maxBytes) return bytes.slice();
      throw new CriError("resourceExhausted", `content ${digest} is larger than ${maxBytes} bytes`);
    },
    readStream: async function* (digest) {
      yield blobOf(world, digest).bytes.slice();
    },
    write: async (content, source, o) => {
      const existing = world.content.get(content.digest)?.info.labels;
      if (existing !== undefined) {
        await setLabels(content.digest, content.labels(new Map(existing)));
      } else commit(world, content, await gather(world, { content, source, signal: o?.signal }));
      const resource = { id: content.digest, type: "content" };
      if (o?.leaseId !== undefined) world.leases.get(o.leaseId)?.resources.push(resource);
    },
    status: async (ref) => {
      const stored = world.ingests.get(ref);
      if (stored === undefined) throw notFound("ingest", ref);
      return { ref, offset: BigInt(stored.length), totalBytes: 0n, expected: "" };
    },
    abort: async (ref) => {
      if (!world.ingests.delete(ref)) throw notFound("ingest", ref);
    },
    delete: async (digest) => {
      blobOf(world, digest);
      world.content.delete(digest);
    },
    setLabels,
    list: async function* (filters) {
      for (const { info } of [...world.content.values()]) {
        const plain = { digest: info.digest };
        if (fits(filters, fieldsOf(plain, info.labels))) yield structuredClone(info);
      }
    },
  };
}

/** Stores what the source gives; what is there when it fails stays for the next try. */
async function gather(
  world: FakeWorld,
  { content, source, signal }: {
    content: NewContent;
    source: Source;
    signal: AbortSignal | undefined;
  },
): Promise<Uint8Array> {
  let stored = world.ingests.get(content.ref) ?? new Uint8Array(0);
  world.ingests.set(content.ref, stored);
  const isAsked = typeof source === "function";
  let at = isAsked ? stored.length : 0;
  for await (const chunk of isAsked ? source(BigInt(stored.length)) : source) {
    if (signal?.aborted === true) throw callAborted("content.write", signal);
    const skip = Math.max(0, stored.length - at);
    at += chunk.length;
    if (content.sizeBytes > 0n && at > content.sizeBytes) {
      world.ingests.delete(content.ref);
      throw new CriError("failedPrecondition", `content ${content.digest} is too large`);
    }
    stored = new Uint8Array(Buffer.concat([stored, chunk.subarray(skip)]));
    world.ingests.set(content.ref, stored);
  }
  return stored;
}

function commit(world: FakeWorld, content: NewContent, bytes: Uint8Array): void {
  const { ref, digest, sizeBytes } = content;
  if (sizeBytes > 0n && BigInt(bytes.length) < sizeBytes) {
    throw new CriError("unavailable", `content ${digest}: the source ended too early`);
  }
  world.ingests.delete(ref);
  if (digestOf(bytes) !== digest) {
    throw new CriError("failedPrecondition", `content ${digest} has another digest`);
  }
  const createdAtNs = world.nowNs();
  const labels = new Map(content.labels(new Map()));
  const info = { digest, sizeBytes: BigInt(bytes.length), labels };
  world.content.set(digest, { bytes, info: { ...info, createdAtNs, updatedAtNs: createdAtNs } });
}

/** Unpacks nothing, and tells the digest that unpacking would find. */
export function fakeDiff(world: FakeWorld): Diff {
  return {
    apply: async (layer) => {
      const { bytes } = blobOf(world, layer.digest);
      const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
      const tar = isGzip ? new Uint8Array(gunzipSync(bytes)) : bytes;
      return {
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest: digestOf(tar),
        sizeBytes: BigInt(tar.length),
        annotations: new Map(),
      };
    },
    compare: async ({ before, after }, mediaType, o) => {
      const bytes = new TextEncoder().encode(`from ${before.length} to ${after.length} mounts`);
      const digest = digestOf(bytes);
      const content = {
        ref: "compare",
        digest,
        sizeBytes: BigInt(bytes.length),
        labels: () => new Map<string, string>(),
      };
      commit(world, content, bytes);
      if (o?.leaseId !== undefined) {
        world.leases.get(o.leaseId)?.resources.push({ id: digest, type: "content" });
      }
      return { mediaType, digest, sizeBytes: content.sizeBytes, annotations: new Map() };
    },
  };
}
