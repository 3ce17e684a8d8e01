/** Frames of HTTP/2: their types, flags and error codes (RFC 9113, sections 4, 6 and 7). */
import { concat } from "../base/concat.ts";

export const FRAME_HEADER_BYTES = 9;

/** What a frame may hold as long as its receiver hasn't said otherwise, and what we take. */
export const MAX_FRAME_BYTES = 16_384;

/** The window of a connection and of its streams before anybody has changed it. */
export const INITIAL_WINDOW = 65_535;

export const MAX_WINDOW = 2 ** 31 - 1;
export const MAX_STREAM_ID = 2 ** 31 - 1;

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = {
  none: 0,
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

const SETTING_BYTES = 6;

export const ERROR_CODE = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

export type ErrorCode = typeof ERROR_CODE[keyof typeof ERROR_CODE];

/** The other side broke the protocol: the connection ends with this code. */
export class Http2Error extends Error {
  override readonly name = "Http2Error";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A window with more room. @throws Http2Error beyond what windows may have (section 6.9.1) */
export function widened(window: number, bytes: number): number {
  if (window + bytes <= MAX_WINDOW) return window + bytes;
  throw new Http2Error(ERROR_CODE.flowControlError, "a window that is too large");
}

export function protocolError(what: string): Http2Error {
  return new Http2Error(ERROR_CODE.protocolError, what);
}

export function sizeError(what: string): Http2Error {
  return new Http2Error(ERROR_CODE.frameSizeError, `${what} has a wrong size`);
}

/** One frame; one that was read lies in a buffer that is used again: what is kept of it is copied. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** What a client says first (section 3.4); SETTINGS follow. */
export const PREFACE: Uint8Array<ArrayBuffer> = new TextEncoder().encode(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
);

function uint32At(bytes: Uint8Array, offset: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(offset, offset + 4);
  return (a << 24 | b << 16 | c << 8 | d) >>> 0;
}

/** As {@link uint32At} without the bit that is reserved before stream ids and increments. */
export function uint31At(bytes: Uint8Array, offset: number): number {
  return uint32At(bytes, offset) & 0x7fff_ffff;
}

function uint32(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value);
  return bytes;
}

/** The only value of RST_STREAM and WINDOW_UPDATE. */
export function uint32In({ payload, type }: Frame): number {
  if (payload.length !== 4) throw sizeError(`a frame of type ${type}`);
  return uint32At(payload, 0);
}

/** @throws Http2Error for a payload that is cut off */
export function settingsIn(payload: Uint8Array): [id: number, value: number][] {
  const count = payload.length / SETTING_BYTES;
  if (!Number.isInteger(count)) throw sizeError("SETTINGS");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return Array.from({ length: count }, (_, index) => {
    const at = index * SETTING_BYTES;
    return [view.getUint16(at), view.getUint32(at + 2)];
  });
}

/**
 * The content of a frame: of DATA and HEADERS without padding and priority, where flags say so.
 *
 * @throws Http2Error for padding longer than the frame
 */
export function contentOf({ type, flags, payload }: Frame): Uint8Array {
  if (type !== FRAME.data && type !== FRAME.headers) return payload;
  let start = 0;
  let end = payload.length;
  if ((flags & FLAG.padded) !== 0) {
    end -= payload[0] ?? 0;
    start = 1;
  }
  if (type === FRAME.headers && (flags & FLAG.priority) !== 0) start += 5;
  if (start <= end) return payload.subarray(start, end);
  throw protocolError("the padding is longer than its frame");
}

export function headersFrame(streamId: number, block: Uint8Array, isEnd: boolean): Frame {
  const flags = FLAG.endHeaders | (isEnd ? FLAG.endStream : FLAG.none);
  return { type: FRAME.headers, flags, streamId, payload: block };
}

export function dataFrame(streamId: number, payload: Uint8Array, isEnd: boolean): Frame {
  return { type: FRAME.data, flags: isEnd ? FLAG.endStream : FLAG.none, streamId, payload };
}

export function resetFrame(streamId: number, code: ErrorCode): Frame {
  return { type: FRAME.rstStream, flags: FLAG.none, streamId, payload: uint32(code) };
}

/** @param streamId 0: of the connection */
export function windowUpdateFrame(streamId: number, bytes: number): Frame {
  return { type: FRAME.windowUpdate, flags: FLAG.none, streamId, payload: uint32(bytes) };
}

export function settingsFrame(values: Readonly<Record<number, number>>): Frame {
  const entries = Object.entries(values);
  const payload = new Uint8Array(entries.length * SETTING_BYTES);
  const view = new DataView(payload.buffer);
  for (const [index, [id, value]] of entries.entries()) {
    view.setUint16(index * SETTING_BYTES, Number(id));
    view.setUint32(index * SETTING_BYTES + 2, value);
  }
  return { type: FRAME.settings, flags: FLAG.none, streamId: 0, payload };
}

export const SETTINGS_ACK: Frame = {
  type: FRAME.settings,
  flags: FLAG.ack,
  streamId: 0,
  payload: new Uint8Array(),
};

/** The answer to a PING with that payload. */
export function pongFrame(payload: Uint8Array): Frame {
  return { type: FRAME.ping, flags: FLAG.ack, streamId: 0, payload };
}

/** Says the last stream that is heard, and why none after it. */
export function goawayFrame(lastStreamId: number, code: ErrorCode, text: string): Frame {
  const payload = concat([uint32(lastStreamId, code), new TextEncoder().encode(text)]);
  return { type: FRAME.goaway, flags: FLAG.none, streamId: 0, payload };
}
