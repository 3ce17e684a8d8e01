/** The content store: blobs by digest. */
import { concat } from "../base/concat.ts";
import { CriError, isKind } from "../base/errors.ts";
import {
  ContentDefinition,
  type Info as WireInfo,
} from "../gen/containerd/services/content/v1/content.ts";
import type { CallOptions, Calls } from "./channel.ts";
import { type NewContent, type Source, writeContent } from "./content_write.ts";
import { LIST_TIMEOUT_MS, NO_TIMEOUT, quoted, rpc } from "./rpc.ts";
import { pause } from "../base/pause.ts";
import { toNs } from "./types.ts";

export type { NewContent, Source } from "./content_write.ts";

export interface ContentInfo {
  digest: string;
  sizeBytes: bigint;
  labels: Map<string, string>;
  createdAtNs: bigint;
  updatedAtNs: bigint;
}

/** A write that has begun and isn't committed. */
export interface IngestStatus {
  ref: string;
  /** Bytes that are stored already: where to go on. */
  offset: bigint;
  /** 0n when it wasn't told. */
  totalBytes: bigint;
  /** Digest, "" when it wasn't told. */
  expected: string;
}

export interface Content {
  info(digest: string, o?: CallOptions): Promise<ContentInfo>;
  /**
   * A whole blob in memory.
   *
   * @throws resourceExhausted when it is larger than `maxBytes`
   */
  read(digest: string, limit: { maxBytes: number }, o?: CallOptions): Promise<Uint8Array>;
  /** A blob piece by piece; no limit of time but the signal. */
  readStream(digest: string, o?: CallOptions): AsyncIterable<Uint8Array>;
  /**
   * Stores a blob; one that exists already is success, and gets the labels. Goes on where an
   * earlier write of the same `ref` stopped. The blob is there only when this returns. A source that
   * can stall has to end with the signal by itself.
   *
   * @throws failedPrecondition when size or digest don't fit; what was stored is thrown away
   * @throws unavailable when another writer held the ref for a minute, or the source ended too
   *   early; what was stored stays for the next try
   */
  write(content: NewContent, source: Source, o?: CallOptions): Promise<void>;
  status(ref: string, o?: CallOptions): Promise<IngestStatus>;
  abort(ref: string, o?: CallOptions): Promise<void>;
  delete(digest: string, o?: CallOptions): Promise<void>;
  /** Sets these labels, leaves the others; an empty value removes one. */
  setLabels(digest: string, labels: Map<string, string>, o?: CallOptions): Promise<void>;
  list(filters: string[], o?: CallOptions): AsyncIterable<ContentInfo>;
}

const ABORT_TRIES = 5;
const ABORT_RETRY_MS = 50;
const { methods } = ContentDefinition;
const blob = (verb: string) => (r: { digest: string }) => `${verb} content ${quoted(r.digest)}`;
const ingest = (verb: string) => (r: { ref: string }) => `${verb} ingest ${quoted(r.ref)}`;

const INFO = rpc(ContentDefinition, methods.info, { action: blob("find") });
const DELETE = rpc(ContentDefinition, methods.delete, { action: blob("delete") });
const READ = rpc(ContentDefinition, methods.read, {
  action: blob("read"),
  timeoutMs: LIST_TIMEOUT_MS,
});
const READ_STREAM = { ...READ, timeoutMs: NO_TIMEOUT };
const STATUS = rpc(ContentDefinition, methods.status, { action: ingest("find") });
const ABORT = rpc(ContentDefinition, methods.abort, { action: ingest("abort") });
const UPDATE = rpc(ContentDefinition, methods.update, {
  action: (r) => `label content ${quoted(r.info?.digest ?? "")}`,
});
const LIST = rpc(ContentDefinition, methods.list, {
  action: () => "list content",
  timeoutMs: LIST_TIMEOUT_MS,
});

export function content(channel: Calls): Content {
  const reading = reads(channel);
  return { ...reading, ...changes(channel, reading) };
}

function reads(
  channel: Calls,
): Pick<Content, "info" | "read" | "readStream" | "status" | "list"> {
  return {
    info: async (digest, o) => fromWire((await channel.unary(INFO, { digest }, o)).info),
    read: (digest, { maxBytes }, o) => readWhole(channel, { digest, maxBytes }, o),
    readStream: async function* (digest, o) {
      const request = { digest, offset: 0n, size: 0n };
      for await (const { data } of channel.serverStream(READ_STREAM, request, o)) yield data;
    },
    status: async (ref, o) => {
      const { status } = await channel.unary(STATUS, { ref }, o);
      return {
        ref,
        offset: status?.offset ?? 0n,
        totalBytes: status?.total ?? 0n,
        expected: status?.expected ?? "",
      };
    },
    list: async function* (filters, o) {
      for await (const { info } of channel.serverStream(LIST, { filters }, o)) {
        yield* info.map(fromWire);
      }
    },
  };
}

function changes(
  channel: Calls,
  { info }: Pick<Content, "info">,
): Pick<Content, "write" | "abort" | "delete" | "setLabels"> {
  const setLabels: Content["setLabels"] = async (digest, labels, o) => {
    const info = { digest, size: 0n, labels, createdAt: undefined, updatedAt: undefined };
    const updateMask = [...labels.keys()].map((name) => `labels.${name}`);
    await channel.unary(UPDATE, { info, updateMask }, o);
  };
  const abort: Content["abort"] = (ref, o) => abortIngest(channel, ref, o);
  return {
    write: (content, source, o) =>
      writeContent({ channel, content, source, options: o ?? {}, info, setLabels, abort }),
    abort,
    delete: async (digest, o) => {
      await channel.unary(DELETE, { digest }, o);
    },
    setLabels,
  };
}

/**
 * containerd goes on closing a writer for a moment after its call has ended, and the removal of the
 * ingest's folder then meets new files in it: an internal error is worth a few tries.
 */
async function abortIngest(channel: Calls, ref: string, o?: CallOptions): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      await channel.unary(ABORT, { ref }, o);
      return;
    } catch (error) {
      if (tries > 1 && isKind(error, "notFound")) return;
      if (tries === ABORT_TRIES || !isKind(error, "internal")) throw error;
      await pause(ABORT_RETRY_MS, o?.signal);
    }
  }
}

async function readWhole(
  channel: Calls,
  { digest, maxBytes }: { digest: string; maxBytes: number },
  o?: CallOptions,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const request = { digest, offset: 0n, size: 0n };
  for await (const { data } of channel.serverStream(READ, request, o)) {
    length += data.length;
    if (length > maxBytes) {
      throw new CriError(
        "resourceExhausted",
        `Cannot read content ${quoted(digest)}: it is larger than ${maxBytes} bytes`,
      );
    }
    pieces.push(data);
  }
  return concat(pieces, length);
}

function fromWire(i: WireInfo | undefined): ContentInfo {
  return {
    digest: i?.digest ?? "",
    sizeBytes: i?.size ?? 0n,
    labels: i?.labels ?? new Map(),
    createdAtNs: toNs(i?.createdAt),
    updatedAtNs: toNs(i?.updatedAt),
  };
}
