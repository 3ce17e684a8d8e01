/**
 * Frames of SPDY/3.1 as bytes, after
 * https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ (2.2, 2.6).
 */
import { ProtocolError } from "./protocol_error.ts";

export const SYN_STREAM = 1;
export const SYN_REPLY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const HEADERS = 8;
export const WINDOW_UPDATE = 9;

export const FLAG_FIN = 0x01;

/** Why a stream is reset. */
export const RST_REFUSED_STREAM = 3;
export const RST_CANCEL = 5;
export const RST_INTERNAL_ERROR = 6;

const VERSION = 3;
const HEAD_BYTES = 8;
const CONTROL_BIT = 0x8000_0000;
const ID_MASK = 0x7fff_ffff;

/** Control frames carry a few short headers; data frames are handed on as they come. */
const MAX_CONTROL_BYTES = 16_384;

/** A piece of a data frame, or a whole control frame. */
export type SpdyEvent =
  | {
    readonly kind: "data";
    readonly streamId: number;
    /** A view that is good until the next chunk is pushed. */
    readonly chunk: Uint8Array<ArrayBuffer>;
    /** The sender has ended the stream with this piece. */
    readonly isFin: boolean;
  }
  | {
    readonly kind: "control";
    readonly type: number;
    readonly flags: number;
    readonly body: DataView<ArrayBuffer>;
  };

/** Takes a connection's bytes in any pieces and gives the frames in them. */
export class SpdyParser {
  readonly #head = new DataView(new ArrayBuffer(HEAD_BYTES));
  #headBytes = 0;
  /** The frame that is being read; undefined between two. */
  #frame: { word: number; flags: number; left: number } | undefined;
  #body: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  /** @throws ProtocolError */
  *push(chunk: Uint8Array<ArrayBuffer>): Generator<SpdyEvent> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#frame === undefined) {
        rest = this.#readHead(rest);
        const event = this.#emptyFrame();
        if (event !== undefined) yield event;
        continue;
      }
      const part = rest.subarray(0, this.#frame.left);
      rest = rest.subarray(part.length);
      const event = this.#take(this.#frame, part);
      if (event !== undefined) yield event;
    }
  }

  #readHead(rest: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const part = rest.subarray(0, HEAD_BYTES - this.#headBytes);
    new Uint8Array(this.#head.buffer).set(part, this.#headBytes);
    this.#headBytes += part.length;
    if (this.#headBytes < HEAD_BYTES) return rest.subarray(part.length);
    this.#headBytes = 0;
    const word = this.#head.getUint32(0);
    const second = this.#head.getUint32(4);
    const left = second & 0xff_ffff;
    this.#frame = { word, flags: second >>> 24, left };
    if (isControl(word)) {
      if (((word >>> 16) & 0x7fff) !== VERSION) throw new ProtocolError("not SPDY/3");
      if (left > MAX_CONTROL_BYTES) throw new ProtocolError(`a control frame of ${left} bytes`);
      this.#body = new Uint8Array(left);
    }
    return rest.subarray(part.length);
  }

  /** A frame without a body is over with its head. */
  #emptyFrame(): SpdyEvent | undefined {
    if (this.#frame === undefined || this.#frame.left > 0) return undefined;
    return this.#take(this.#frame, new Uint8Array(0));
  }

  #take(
    frame: { word: number; flags: number; left: number },
    part: Uint8Array<ArrayBuffer>,
  ): SpdyEvent | undefined {
    const { word, flags } = frame;
    if (isControl(word)) this.#body.set(part, this.#body.length - frame.left);
    frame.left -= part.length;
    const isWhole = frame.left === 0;
    if (isWhole) this.#frame = undefined;
    if (isControl(word)) {
      if (!isWhole) return undefined;
      return { kind: "control", type: word & 0xffff, flags, body: new DataView(this.#body.buffer) };
    }
    const isFin = isWhole && (flags & FLAG_FIN) !== 0;
    return { kind: "data", streamId: word & ID_MASK, chunk: part, isFin };
  }
}

function isControl(word: number): boolean {
  return (word & CONTROL_BIT) !== 0;
}

/** A stream's id out of a control frame. @throws ProtocolError for a frame that is too short */
export function idAt(body: DataView, offset: number): number {
  return wordAt(body, offset) & ID_MASK;
}

/** @throws ProtocolError for a frame that is too short */
export function wordAt(body: DataView, offset: number): number {
  if (body.byteLength < offset + 4) throw new ProtocolError("a control frame that is too short");
  return body.getUint32(offset);
}

export function dataFrame(
  streamId: number,
  data: Uint8Array,
  isFin = false,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEAD_BYTES + data.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, streamId);
  view.setUint32(4, data.length);
  view.setUint8(4, isFin ? FLAG_FIN : 0);
  frame.set(data, HEAD_BYTES);
  return frame;
}

export function controlFrame(
  type: number,
  words: readonly number[],
  { flags = 0, rest = new Uint8Array(0) }: { flags?: number; rest?: Uint8Array } = {},
): Uint8Array<ArrayBuffer> {
  const length = words.length * 4 + rest.length;
  const frame = new Uint8Array(HEAD_BYTES + length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, (CONTROL_BIT | (VERSION << 16) | type) >>> 0);
  view.setUint32(4, length);
  view.setUint8(4, flags);
  words.forEach((word, at) => view.setUint32(HEAD_BYTES + at * 4, word));
  frame.set(rest, HEAD_BYTES + words.length * 4);
  return frame;
}
