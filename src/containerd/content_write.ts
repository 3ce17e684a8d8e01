/**
 * Writing one blob over containerd's Write stream, in this order:
 * 1. STAT opens the ref (locking it) and tells how much of it is stored already
 * 2. WRITE sends pieces; each is acknowledged, and only a few may be under way
 * 3. COMMIT sends the last piece, checks size and digest and makes the blob visible
 */
import { CriError, isKind } from "../base/errors.ts";
import type { Buffer } from "node:buffer";
import {
  ContentDefinition,
  type WriteContentRequest,
  type WriteContentResponse,
} from "../gen/containerd/services/content/v1/content.ts";
import type { BidiCall, CallOptions, Calls } from "./channel.ts";
import { pause } from "../base/pause.ts";
import { NO_TIMEOUT, quoted, type Rpc, rpc } from "./rpc.ts";
import { inTurn, messagesOf, WriteMessage } from "./write_message.ts";

export interface NewContent {
  /** Names the write; two writers of the same ref wait for each other. */
  ref: string;
  /** `sha256:…`, which containerd checks; "" when it isn't known. */
  digest: string;
  /** 0n when not known. */
  sizeBytes: bigint;
  /** The labels that it gets, given those that it has: none, unless it is stored already. */
  labels(existing: ReadonlyMap<string, string>): Map<string, string>;
}

/** A blob's bytes, or what gives them from that offset on: what is before it is stored already. */
export type Source = AsyncIterable<Uint8Array> | ((offset: bigint) => AsyncIterable<Uint8Array>);

export interface ContentWrite {
  channel: Calls;
  content: NewContent;
  source: Source;
  options: CallOptions;
  info(digest: string, o?: CallOptions): Promise<{ readonly labels: Map<string, string> }>;
  setLabels(digest: string, labels: Map<string, string>, o?: CallOptions): Promise<void>;
  abort(ref: string, o?: CallOptions): Promise<void>;
}

/** What goes out is encoded where it is put together. */
interface Outgoing {
  readonly digest: string;
  readonly bytes: Buffer;
}

type WriteCall = BidiCall<Outgoing, WriteContentResponse>;

/** Size of one message: larger ones gain nothing, smaller ones cost a round trip more often. */
export const PIECE_BYTES = 512 * 1024;
/** Pieces sent and not acknowledged; with copies on the way this bounds a write to a few MiB. */
const WINDOW = 3;
/** One that fills, one that is held back, and those not acknowledged. */
const IN_USE = WINDOW + 2;
/** How long another writer may hold the ref. */
const LOCK_WAIT_MS = 60_000;
/** The first wait for it, doubled up to half a second. */
const LOCK_RETRY_MS = 20;
/** One piece on a slow disk, and the commit's fsync of all of them. */
const ACK_TIMEOUT_MS = 120_000;
/** Values of containerd.services.content.v1.WriteAction. */
const STAT = 0;
const WRITE = 1;
const COMMIT = 2;

const WRITE_RPC = rpc(ContentDefinition, ContentDefinition.methods.write, {
  action: () => "",
  timeoutMs: NO_TIMEOUT,
});
const WRITE_STREAM: Rpc<Outgoing, WriteContentResponse> = {
  ...WRITE_RPC,
  action: ({ digest }) => `write content ${quoted(digest)}`,
  encode: ({ bytes }) => bytes,
};

/** See {@link Content.write}. */
export async function writeContent(w: ContentWrite): Promise<void> {
  try {
    const { call, stored } = await open(w);
    try {
      await send(w, call, stored);
    } finally {
      call.cancel();
    }
  } catch (error) {
    if (isKind(error, "alreadyExists")) return await addLabels(w);
    // What is stored can never become this blob: the next try must not build on it.
    if (isKind(error, "failedPrecondition")) await discard(w);
    throw error;
  }
}

async function addLabels({ content, options, info, setLabels }: ContentWrite): Promise<void> {
  // Who knows no digest beforehand has nothing to say about the blob.
  if (content.digest === "") return;
  const existing = await info(content.digest, options);
  const labels = content.labels(existing.labels);
  if (labels.size > 0) await setLabels(content.digest, labels, options);
}

async function discard(w: ContentWrite): Promise<void> {
  const { signal: _, ...options } = w.options;
  await w.abort(w.content.ref, options).catch(() => {});
}

/** Opens the ref, waiting while another writer has it. */
async function open(w: ContentWrite): Promise<{ call: WriteCall; stored: bigint }> {
  const until = Date.now() + LOCK_WAIT_MS;
  for (let waitMs = LOCK_RETRY_MS;; waitMs = Math.min(2 * waitMs, 500)) {
    const { digest } = w.content;
    const bytes = new WriteMessage(0).encode(request(w.content, STAT));
    const call = w.channel.bidi(WRITE_STREAM, { digest, bytes }, w.options);
    try {
      return { call, stored: (await call.receive(ACK_TIMEOUT_MS)).offset };
    } catch (error) {
      call.cancel();
      const isLocked = isKind(error, "unavailable") && w.channel.isReady();
      if (!isLocked || Date.now() > until) throw error;
      await pause(waitMs, w.options.signal);
    }
  }
}

async function send(w: ContentWrite, call: WriteCall, stored: bigint): Promise<void> {
  const { content } = w;
  const { digest, sizeBytes } = content;
  const labels = content.labels(new Map());
  let offset = stored;
  let unacknowledged = 0;
  let last: WriteMessage | undefined;
  if (sizeBytes === 0n || stored < sizeBytes) {
    const isSmall = sizeBytes > 0n && sizeBytes < BigInt(PIECE_BYTES);
    const next = inTurn(IN_USE, isSmall ? Number(sizeBytes) : PIECE_BYTES);
    for await (const message of messagesOf(beyond(w, stored), next)) {
      // Held back by one, so that the last piece goes with the commit and saves a round trip.
      if (last !== undefined) {
        call.send({ digest, bytes: last.encode({ ...request(content, WRITE), offset }) });
        offset += BigInt(last.length);
        if (++unacknowledged >= WINDOW) {
          await call.receive(ACK_TIMEOUT_MS);
          unacknowledged--;
        }
      }
      last = message;
    }
  }
  last ??= new WriteMessage(0);
  checkSize(content, offset + BigInt(last.length));
  call.send({ digest, bytes: last.encode({ ...request(content, COMMIT), offset, labels }) });
  for (let answers = unacknowledged + 1; answers > 0; answers--) await call.receive(ACK_TIMEOUT_MS);
}

/** The source without what is stored already, and never more of it than the blob may have. */
async function* beyond(w: ContentWrite, stored: bigint): AsyncGenerator<Uint8Array> {
  const { content, source } = w;
  let at = typeof source === "function" ? stored : 0n;
  for await (const chunk of typeof source === "function" ? source(stored) : source) {
    const end = at + BigInt(chunk.length);
    if (content.sizeBytes > 0n && end > content.sizeBytes) {
      throw new CriError(
        "failedPrecondition",
        `Cannot write content ${
          quoted(content.digest)
        }: the source has more than its ${content.sizeBytes} bytes`,
      );
    }
    if (end > stored) yield at >= stored ? chunk : chunk.subarray(Number(stored - at));
    at = end;
  }
}

function checkSize(content: NewContent, written: bigint): void {
  if (content.sizeBytes === 0n || written === content.sizeBytes) return;
  throw new CriError(
    "unavailable",
    `Cannot write content ${
      quoted(content.digest)
    }: the source ended after ${written} of ${content.sizeBytes} bytes`,
  );
}

function request(
  content: NewContent,
  action: 0 | 1 | 2,
): Omit<WriteContentRequest, "data"> {
  return {
    action,
    ref: content.ref,
    total: content.sizeBytes,
    expected: content.digest,
    offset: 0n,
    labels: new Map(),
  };
}
