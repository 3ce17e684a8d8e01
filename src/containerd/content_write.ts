/**
 * Writing one blob over containerd's Write stream, in this order:
 * 1. STAT opens the ref (locking it) and tells how much of it is stored already
 * 2. WRITE sends pieces; each is acknowledged, and only a few may be under way
 * 3. COMMIT sends the last piece, checks size and digest and makes the blob visible
 */
import { CriError, isKind } from "../base/errors.ts";
import {
  ContentDefinition,
  type WriteContentRequest,
  type WriteContentResponse,
} from "../gen/containerd/services/content/v1/content.ts";
import type { BidiCall, CallOptions, Calls } from "./channel.ts";
import { pause } from "../base/pause.ts";
import { piecesOf } from "./pieces.ts";
import { NO_TIMEOUT, quoted, rpc } from "./rpc.ts";

export interface NewContent {
  /** Names the write; two writers of the same ref wait for each other. */
  ref: string;
  /** `sha256:…`; containerd checks it. */
  digest: string;
  /** 0n when not known. */
  sizeBytes: bigint;
  labels: Map<string, string>;
  /** Where in the blob the source begins, as `status(ref)` told; 0n if left out. */
  offset?: bigint;
}

export interface ContentWrite {
  channel: Calls;
  content: NewContent;
  source: AsyncIterable<Uint8Array>;
  options: CallOptions;
  setLabels(digest: string, labels: Map<string, string>, o?: CallOptions): Promise<void>;
  abort(ref: string, o?: CallOptions): Promise<void>;
}

type WriteCall = BidiCall<WriteContentRequest, WriteContentResponse>;

/** Size of one message: larger ones gain nothing, smaller ones cost a round trip more often. */
export const PIECE_BYTES = 512 * 1024;
/** Pieces sent and not acknowledged; with copies on the way this bounds a write to a few MiB. */
const WINDOW = 3;
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

const WRITE_STREAM = rpc(ContentDefinition, ContentDefinition.methods.write, {
  action: (r) => `write content ${quoted(r.expected)}`,
  timeoutMs: NO_TIMEOUT,
});

/** See {@link Content.write}. */
export async function writeContent(w: ContentWrite): Promise<void> {
  const { content, options } = w;
  try {
    const { call, stored } = await open(w);
    try {
      await send(w, call, stored);
    } finally {
      call.cancel();
    }
  } catch (error) {
    if (isKind(error, "alreadyExists")) {
      if (content.labels.size > 0) await w.setLabels(content.digest, content.labels, options);
      return;
    }
    // What is stored can never become this blob: the next try must not build on it.
    if (isKind(error, "failedPrecondition")) await discard(w);
    throw error;
  }
}

async function discard(w: ContentWrite): Promise<void> {
  const { signal: _, ...options } = w.options;
  await w.abort(w.content.ref, options).catch(() => {});
}

/** Opens the ref, waiting while another writer has it. */
async function open(w: ContentWrite): Promise<{ call: WriteCall; stored: bigint }> {
  const until = Date.now() + LOCK_WAIT_MS;
  for (let waitMs = LOCK_RETRY_MS;; waitMs = Math.min(2 * waitMs, 500)) {
    const call = w.channel.bidi(WRITE_STREAM, request(w.content, STAT), w.options);
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
  let offset = stored;
  let unacknowledged = 0;
  let last: Uint8Array = new Uint8Array(0);
  if (content.sizeBytes === 0n || stored < content.sizeBytes) {
    for await (const piece of piecesOf(beyond(w, stored), PIECE_BYTES, inTurn())) {
      // Held back by one, so that the last piece goes with the commit and saves a round trip.
      if (last.length > 0) {
        call.send({ ...request(content, WRITE), offset, data: last });
        offset += BigInt(last.length);
        if (++unacknowledged >= WINDOW) {
          await call.receive(ACK_TIMEOUT_MS);
          unacknowledged--;
        }
      }
      last = piece;
    }
  }
  checkSize(content, offset + BigInt(last.length));
  const labels = content.labels;
  call.send({ ...request(content, COMMIT), offset, data: last, labels });
  for (let answers = unacknowledged + 1; answers > 0; answers--) await call.receive(ACK_TIMEOUT_MS);
}

/**
 * Two pieces in turn: one is held back while the other fills, and sending copies. A new one for each
 * would make as much garbage as there is content.
 */
function inTurn(): (size: number) => Uint8Array {
  const pieces: Uint8Array[] = [];
  let turn = 0;
  return (size) => pieces[turn++ % 2] ??= new Uint8Array(size);
}

/** The source without what is stored already, and never more of it than the blob may have. */
async function* beyond(w: ContentWrite, stored: bigint): AsyncGenerator<Uint8Array> {
  const { content } = w;
  let at = content.offset ?? 0n;
  if (at > stored) {
    throw new CriError(
      "failedPrecondition",
      `Cannot write content ${
        quoted(content.digest)
      }: ${stored} bytes are stored, and the source begins at ${at}`,
    );
  }
  for await (const chunk of w.source) {
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

function request(content: NewContent, action: 0 | 1 | 2): WriteContentRequest {
  return {
    action,
    ref: content.ref,
    total: content.sizeBytes,
    expected: content.digest,
    offset: 0n,
    data: new Uint8Array(0),
    labels: new Map(),
  };
}
