/** Many streams over one WebSocket: the first byte of each message is its channel. */
import { ProtocolError } from "./protocol_error.ts";
import type { MessagePiece, WebSocketConnection } from "./websocket.ts";
import { concat } from "../base/concat.ts";

/** Messages in base64 are decoded as a whole. */
const MAX_TEXT_BYTES = 1024 * 1024;
const DIGIT_ZERO = 0x30;
const MAX_DIGIT = 9;

export interface ChannelPiece {
  readonly channel: number;
  /** A view that is good until the next piece. */
  readonly chunk: Uint8Array<ArrayBuffer>;
  /** The message ends with it. */
  readonly isLast: boolean;
}

export class WebSocketChannels {
  readonly #socket: WebSocketConnection;
  /** Messages are text, the channel a digit, the rest base64. */
  readonly #isBase64: boolean;
  #channel = -1;
  #text: Uint8Array<ArrayBuffer>[] = [];
  #textBytes = 0;

  constructor(socket: WebSocketConnection, isBase64: boolean) {
    this.#socket = socket;
    this.#isBase64 = isBase64;
  }

  get socket(): WebSocketConnection {
    return this.#socket;
  }

  /** What the client sends, until it is gone. @throws ProtocolError */
  async *pieces(): AsyncGenerator<ChannelPiece> {
    for await (const piece of this.#socket.messages()) {
      const part = this.#isBase64 ? this.#takeText(piece) : this.#takeBinary(piece);
      if (part !== undefined) yield part;
    }
  }

  send(channel: number, payload: Uint8Array): void {
    if (this.#isBase64) this.#socket.sendText(`${channel}${payload.toBase64()}`);
    else this.#socket.send(payload, channel);
  }

  #takeBinary({ chunk, isFirst, isLast }: MessagePiece): ChannelPiece | undefined {
    if (isFirst) this.#channel = -1;
    if (this.#channel >= 0) return { channel: this.#channel, chunk, isLast };
    const [channel] = chunk;
    // A message may begin with an empty piece; one that is empty is none.
    if (channel === undefined) return undefined;
    this.#channel = channel;
    return { channel, chunk: chunk.subarray(1), isLast };
  }

  #takeText({ chunk, isLast }: MessagePiece): ChannelPiece | undefined {
    this.#textBytes += chunk.length;
    if (this.#textBytes > MAX_TEXT_BYTES) throw new ProtocolError("a message that is too long");
    this.#text.push(chunk.slice());
    if (!isLast) return undefined;
    const text = concat(this.#text.splice(0));
    this.#textBytes = 0;
    const channel = (text[0] ?? 0) - DIGIT_ZERO;
    if (channel < 0 || channel > MAX_DIGIT) throw new ProtocolError("a message without a channel");
    return { channel, chunk: fromBase64(text.subarray(1)), isLast };
  }
}

function fromBase64(encoded: Uint8Array): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(new TextDecoder().decode(encoded));
  } catch {
    throw new ProtocolError("a message that is not base64");
  }
}
