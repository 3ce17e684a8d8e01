/** Cuts what comes in into frames. */
import {
  ERROR_CODE,
  type Frame,
  FRAME_HEADER_BYTES,
  Http2Error,
  MAX_FRAME_BYTES,
  PREFACE,
  uint31At,
} from "./frames.ts";
import type { Wire } from "./outbox.ts";

/** Little, for there may be many idle connections. */
const INITIAL_BYTES = 1_024;
/** At least a frame. */
const FULL_BYTES = 64 * 1024;

export interface FrameReaderOptions {
  /** Whether the other side is a client, which says the preface first. */
  readonly expectsPreface: boolean;
  /** Waited for before more is read: who doesn't take our answers gets nothing more done. */
  readonly room: () => Promise<void>;
  readonly onFrame: (frame: Frame) => void;
}

/**
 * Reads until the other side closes the connection.
 *
 * @throws Http2Error for a frame that is too large or a wrong preface, what `onFrame` throws, and
 * what the connection fails with
 */
export async function readFrames(wire: Wire, options: FrameReaderOptions): Promise<void> {
  let buffer = new Uint8Array(INITIAL_BYTES);
  let start = 0;
  let end = 0;
  let isBegun = !options.expectsPreface;
  while (true) {
    await options.room();
    const count = await wire.read(buffer.subarray(end));
    if (count === null) return;
    end += count;
    if (!isBegun) {
      isBegun = isPreface(buffer.subarray(0, end));
      if (isBegun) start = PREFACE.length;
    }
    if (isBegun) start = framesIn(buffer.subarray(0, end), start, options.onFrame);
    if (end === buffer.length) buffer = larger(buffer);
    buffer.copyWithin(0, start, end);
    end -= start;
    start = 0;
  }
}

/** @returns where the rest begins, which isn't a whole frame yet */
function framesIn(bytes: Uint8Array, start: number, onFrame: (frame: Frame) => void): number {
  let at = start;
  while (bytes.length - at >= FRAME_HEADER_BYTES) {
    const [a = 0, b = 0, c = 0, type = 0, flags = 0] = bytes.subarray(at, at + 5);
    const size = a << 16 | b << 8 | c;
    if (size > MAX_FRAME_BYTES) {
      throw new Http2Error(ERROR_CODE.frameSizeError, `a frame of ${size} bytes`);
    }
    const content = at + FRAME_HEADER_BYTES;
    if (bytes.length - content < size) break;
    const payload = bytes.subarray(content, content + size);
    onFrame({ type, flags, streamId: uint31At(bytes, at + 5), payload });
    at = content + size;
  }
  return at;
}

/** Whether all of it is there. @throws Http2Error for anything else */
function isPreface(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, PREFACE.length);
  for (let index = 0; index < length; index++) {
    if (bytes[index] === PREFACE[index]) continue;
    throw new Http2Error(ERROR_CODE.protocolError, "the client doesn't speak HTTP/2");
  }
  return length === PREFACE.length;
}

/** A reader that is kept busy gets a larger buffer. */
function larger(buffer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (buffer.length >= FULL_BYTES) return buffer;
  const next = new Uint8Array(FULL_BYTES);
  next.set(buffer);
  return next;
}
