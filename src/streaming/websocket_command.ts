/** Exec and attach over WebSocket: the first byte of each message is its channel. */
import {
  type CommandClient,
  type CommandHandlers,
  type CommandStreams,
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
  type Outcome,
  type OutputName,
  parseSize,
} from "./command_client.ts";
import { statusBytes } from "./command_status.ts";
import { ProtocolError } from "./protocol_error.ts";
import type { MessagePiece, WebSocketConnection } from "./websocket.ts";

const STDIN = 0;
const CHANNELS = { stdout: 1, stderr: 2, error: 3 } as const;
const RESIZE = 4;
/** Version 5: the next byte is the channel that the client sends no more on. */
const CLOSED = 255;
const DIGIT_ZERO = 0x30;

/** What is read as a whole: sizes, and messages in base64. */
const MAX_SIZE_BYTES = 1024;
const MAX_TEXT_BYTES = 1024 * 1024;

export interface ChannelProtocol {
  readonly version: number;
  /** Messages are text, the channel a digit, the rest base64. */
  readonly isBase64: boolean;
}

export class WebSocketCommand implements CommandClient {
  readonly #socket: WebSocketConnection;
  readonly #protocol: ChannelProtocol;
  #isStdinOver: boolean;
  /** The message that is being read, as far as it has to be kept. */
  #channel = -1;
  #kept: Uint8Array<ArrayBuffer>[] = [];
  #keptBytes = 0;

  constructor(
    socket: WebSocketConnection,
    protocol: ChannelProtocol,
    streams: CommandStreams,
  ) {
    this.#socket = socket;
    this.#protocol = protocol;
    this.#isStdinOver = !streams.stdin;
    // Clients take the first message, which is empty, as the sign that they are connected.
    const channel = streams.stdout
      ? CHANNELS.stdout
      : streams.stderr
      ? CHANNELS.stderr
      : CHANNELS.error;
    this.#send(channel, new Uint8Array(0));
  }

  get pendingBytes(): number {
    return this.#socket.wire.pendingBytes;
  }

  async run(handlers: CommandHandlers): Promise<void> {
    for await (const piece of this.#socket.messages()) {
      if (this.#protocol.isBase64) await this.#takeText(piece, handlers);
      else await this.#takePiece(piece, handlers);
    }
  }

  write(stream: OutputName, chunk: Uint8Array): boolean {
    this.#send(CHANNELS[stream], chunk);
    return this.pendingBytes < HIGH_WATER_BYTES;
  }

  drained(): Promise<void> {
    return this.#socket.wire.drained(LOW_WATER_BYTES);
  }

  async finish(outcome: Outcome): Promise<void> {
    const status = statusBytes(outcome, this.#protocol.version);
    if (status.length > 0) this.#send(CHANNELS.error, status);
    await this.#socket.end();
  }

  close(): void {
    this.#socket.wire.close();
  }

  #send(channel: number, payload: Uint8Array): void {
    if (this.#protocol.isBase64) this.#socket.sendText(`${channel}${payload.toBase64()}`);
    else this.#socket.send(payload, channel);
  }

  /** Input goes on as it comes; the short messages are put together first. */
  async #takePiece(piece: MessagePiece, handlers: CommandHandlers): Promise<void> {
    let { chunk } = piece;
    if (piece.isFirst) this.#channel = -1;
    if (this.#channel < 0) {
      const [channel] = chunk;
      // A message may begin with an empty piece; one that is empty is none.
      if (channel === undefined) return;
      this.#channel = channel;
      chunk = chunk.subarray(1);
    }
    if (this.#channel === STDIN) {
      if (!this.#isStdinOver && chunk.length > 0) await handlers.stdin(chunk);
      return;
    }
    this.#keep(chunk, MAX_SIZE_BYTES);
    if (piece.isLast) this.#takeMessage(this.#takeKept(), handlers);
  }

  async #takeText(piece: MessagePiece, handlers: CommandHandlers): Promise<void> {
    this.#keep(piece.chunk, MAX_TEXT_BYTES);
    if (!piece.isLast) return;
    const message = this.#takeKept();
    const [digit] = message;
    if (digit === undefined) return;
    this.#channel = digit - DIGIT_ZERO;
    const bytes = fromBase64(message.subarray(1));
    if (this.#channel !== STDIN) this.#takeMessage(bytes, handlers);
    else if (!this.#isStdinOver && bytes.length > 0) await handlers.stdin(bytes);
  }

  #takeMessage(bytes: Uint8Array, handlers: CommandHandlers): void {
    if (this.#channel === RESIZE) {
      const size = parseSize(new TextDecoder().decode(bytes));
      if (size !== undefined) handlers.resize(size);
    } else if (this.#channel === CLOSED && this.#protocol.version >= 5 && bytes[0] === STDIN) {
      if (this.#isStdinOver) return;
      this.#isStdinOver = true;
      handlers.stdinEnded();
    }
  }

  #keep(chunk: Uint8Array, maxBytes: number): void {
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > maxBytes) throw new ProtocolError("a message that is too long");
    if (chunk.length > 0) this.#kept.push(chunk.slice());
  }

  #takeKept(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#keptBytes);
    let at = 0;
    for (const part of this.#kept) {
      all.set(part, at);
      at += part.length;
    }
    this.#kept = [];
    this.#keptBytes = 0;
    return all;
  }
}

function fromBase64(encoded: Uint8Array): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(new TextDecoder().decode(encoded));
  } catch {
    throw new ProtocolError("a message that is not base64");
  }
}
