/** Frames of WebSocket (RFC 6455, 5.2) as bytes. */
import { ProtocolError } from "./protocol_error.ts";

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const MAX_HEAD_BYTES = 14;
const MAX_CONTROL_BYTES = 125;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** A piece of a message, or a whole control frame. */
export type WebSocketEvent =
  | {
    readonly kind: "data";
    readonly isText: boolean;
    /** A view that is good until the next chunk is pushed. */
    readonly chunk: Uint8Array<ArrayBuffer>;
    /** Begins a message. */
    readonly isFirst: boolean;
    /** Ends it. */
    readonly isLast: boolean;
  }
  | {
    readonly kind: "control";
    readonly opcode: number;
    readonly payload: Uint8Array<ArrayBuffer>;
  };

interface Frame {
  readonly opcode: number;
  readonly isFin: boolean;
  readonly mask: Uint8Array;
  left: number;
  /** Bytes taken so far, which say where in the mask the next one is. */
  taken: number;
}

/** Takes a client's bytes in any pieces and gives what is in them, unmasked. */
export class WebSocketParser {
  readonly #head = new Uint8Array(MAX_HEAD_BYTES);
  #headBytes = 0;
  #frame: Frame | undefined;
  #control: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** The kind of the message that is being read; undefined between two. */
  #message: { isText: boolean; isBegun: boolean } | undefined;

  /** The chunk's memory is written to. @throws ProtocolError */
  *push(chunk: Uint8Array<ArrayBuffer>): Generator<WebSocketEvent> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#frame === undefined) {
        rest = this.#readHead(rest);
        const empty = this.#emptyFrame();
        if (empty !== undefined) yield empty;
        continue;
      }
      const part = rest.subarray(0, Math.min(this.#frame.left, rest.length));
      rest = rest.subarray(part.length);
      const event = this.#take(this.#frame, part);
      if (event !== undefined) yield event;
    }
  }

  /** A byte at a time: heads are short, and their own bytes say how long they are. */
  #readHead(rest: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    let at = 0;
    while (at < rest.length) {
      this.#head[this.#headBytes++] = rest[at++] ?? 0;
      if (this.#headBytes >= 2 && this.#headBytes === this.#headLength()) {
        this.#headBytes = 0;
        this.#begin();
        break;
      }
    }
    return rest.subarray(at);
  }

  #headLength(): number {
    const length = (this.#head[1] ?? 0) & 0x7f;
    const extended = length === LENGTH_64 ? 8 : length === LENGTH_16 ? 2 : 0;
    return 2 + extended + 4;
  }

  #begin(): void {
    const view = new DataView(this.#head.buffer);
    const first = view.getUint8(0);
    const opcode = first & 0x0f;
    const isFin = (first & FIN) !== 0;
    if ((first & RESERVED) !== 0) throw new ProtocolError("reserved bits are set");
    if ((view.getUint8(1) & MASKED) === 0) throw new ProtocolError("a frame without a mask");
    const short = view.getUint8(1) & 0x7f;
    const left = short === LENGTH_64
      ? Number(view.getBigUint64(2))
      : short === LENGTH_16
      ? view.getUint16(2)
      : short;
    const maskAt = this.#headLength() - 4;
    this.#frame = { opcode, isFin, left, taken: 0, mask: this.#head.slice(maskAt, maskAt + 4) };
    if (opcode >= CLOSE) this.#beginControl(this.#frame);
    else this.#beginData(this.#frame);
  }

  #beginControl({ opcode, isFin, left }: Frame): void {
    if (opcode > PONG) throw new ProtocolError(`a frame of the unknown kind ${opcode}`);
    if (!isFin || left > MAX_CONTROL_BYTES) throw new ProtocolError("a long control frame");
    this.#control = new Uint8Array(left);
  }

  #beginData({ opcode }: Frame): void {
    if (opcode === CONTINUATION) {
      if (this.#message === undefined) throw new ProtocolError("a part of no message");
      return;
    }
    if (opcode > BINARY) throw new ProtocolError(`a frame of the unknown kind ${opcode}`);
    if (this.#message !== undefined) throw new ProtocolError("a message within another");
    this.#message = { isText: opcode === TEXT, isBegun: false };
  }

  #emptyFrame(): WebSocketEvent | undefined {
    if (this.#frame === undefined || this.#frame.left > 0) return undefined;
    return this.#take(this.#frame, new Uint8Array(0));
  }

  #take(frame: Frame, part: Uint8Array<ArrayBuffer>): WebSocketEvent | undefined {
    unmask(part, frame);
    frame.left -= part.length;
    const isWhole = frame.left === 0;
    if (isWhole) this.#frame = undefined;
    const { opcode, taken } = frame;
    frame.taken += part.length;
    if (opcode >= CLOSE) {
      this.#control.set(part, taken);
      return isWhole ? { kind: "control", opcode, payload: this.#control } : undefined;
    }
    const message = this.#message ?? { isText: false, isBegun: true };
    const isFirst = !message.isBegun;
    const isLast = isWhole && frame.isFin;
    message.isBegun = true;
    if (isLast) this.#message = undefined;
    return { kind: "data", isText: message.isText, chunk: part, isFirst, isLast };
  }
}

function unmask(part: Uint8Array, { mask, taken }: Frame): void {
  for (let at = 0; at < part.length; at++) {
    part[at] = (part[at] ?? 0) ^ (mask[(taken + at) & 3] ?? 0);
  }
}

/** A whole message or control frame of a server; `before` is put in front of the payload. */
export function frameOf(
  opcode: number,
  payload: Uint8Array,
  before?: number,
): Uint8Array<ArrayBuffer> {
  const length = payload.length + (before === undefined ? 0 : 1);
  const headBytes = length < LENGTH_16 ? 2 : length < 65_536 ? 4 : 10;
  const frame = new Uint8Array(headBytes + length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, FIN | opcode);
  if (headBytes === 2) view.setUint8(1, length);
  else if (headBytes === 4) {
    view.setUint8(1, LENGTH_16);
    view.setUint16(2, length);
  } else {
    view.setUint8(1, LENGTH_64);
    view.setBigUint64(2, BigInt(length));
  }
  if (before !== undefined) frame[headBytes] = before;
  frame.set(payload, frame.length - payload.length);
  return frame;
}
