/** One client's WebSocket connection: messages both ways over a wire. */
import { createHash } from "node:crypto";
import { logger } from "../base/log.ts";
import { ProtocolError } from "./protocol_error.ts";
import {
  BINARY,
  CLOSE,
  frameOf,
  PING,
  PONG,
  TEXT,
  type WebSocketEvent,
  WebSocketParser,
} from "./websocket_frames.ts";
import { PROBE_MS, type Wire } from "./wire.ts";

const log = logger("streaming");

/** Of RFC 6455, 1.3: proves that the answer comes from somebody who knows WebSocket. */
const HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const NORMAL = 1000;
const PROTOCOL_ERROR = 1002;

/** Pongs that a client doesn't read stop it from being read. */
const MAX_PENDING_BYTES = 1024 * 1024;

const NOTHING = new Uint8Array(0);

/** Sec-WebSocket-Accept for a client's Sec-WebSocket-Key. */
export function acceptKey(key: string): string {
  return createHash("sha1").update(key + HANDSHAKE_GUID).digest("base64");
}

export type MessagePiece = WebSocketEvent & { kind: "data" };

export class WebSocketConnection {
  readonly #wire: Wire;
  readonly #parser = new WebSocketParser();
  #isEnding = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  get wire(): Wire {
    return this.#wire;
  }

  /** What the client sends, until it closes or is gone; then the connection is closed. */
  async *messages(): AsyncGenerator<MessagePiece> {
    try {
      for (let chunk = await this.#wire.read(); chunk !== undefined;) {
        if (!this.#isEnding) yield* this.#events(chunk);
        await this.#wire.drained(MAX_PENDING_BYTES);
        chunk = await this.#wire.read();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      log.debug("A WebSocket is closed: the client sent {error}", { error: error.message });
      this.#close(PROTOCOL_ERROR);
      await this.#wire.drained(0);
    } finally {
      this.#wire.close();
    }
  }

  /** A binary message; `channel` is its first byte. */
  send(payload: Uint8Array, channel?: number): void {
    if (!this.#isEnding) this.#wire.send(frameOf(BINARY, payload, channel));
  }

  sendText(text: string): void {
    if (!this.#isEnding) this.#wire.send(frameOf(TEXT, new TextEncoder().encode(text)));
  }

  /** Everything is sent: says good-bye; {@link messages} ends once the client has gone. */
  async end(): Promise<void> {
    this.#close(NORMAL);
    await this.#wire.end();
  }

  #close(status: number): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const payload = new DataView(new ArrayBuffer(2));
    payload.setUint16(0, status);
    this.#wire.send(frameOf(CLOSE, new Uint8Array(payload.buffer)));
  }

  *#events(chunk: Uint8Array<ArrayBuffer>): Generator<MessagePiece> {
    for (const event of this.#parser.push(chunk)) {
      if (event.kind === "data") {
        // For as long as whoever takes it needs.
        const probe = setInterval(() => this.#wire.send(frameOf(PING, NOTHING)), PROBE_MS);
        try {
          yield event;
        } finally {
          clearInterval(probe);
        }
      } else if (event.opcode === PING) {
        if (!this.#isEnding) this.#wire.send(frameOf(PONG, event.payload));
      } else if (event.opcode === CLOSE) {
        void this.end();
      }
      if (this.#isEnding) return;
    }
  }
}

/** SPDY inside of WebSocket messages: the bytes of all messages are one connection's. */
export class TunnelWire implements Wire {
  readonly #socket: WebSocketConnection;
  readonly #messages: AsyncGenerator<MessagePiece>;

  constructor(socket: WebSocketConnection) {
    this.#socket = socket;
    this.#messages = socket.messages();
  }

  get pendingBytes(): number {
    return this.#socket.wire.pendingBytes;
  }

  get isClosed(): boolean {
    return this.#socket.wire.isClosed;
  }

  get closed(): Promise<void> {
    return this.#socket.wire.closed;
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (true) {
      const next = await this.#messages.next();
      if (next.done === true) return undefined;
      if (next.value.chunk.length > 0) return next.value.chunk;
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#socket.send(bytes);
  }

  drained(maxBytes: number): Promise<void> {
    return this.#socket.wire.drained(maxBytes);
  }

  end(): Promise<void> {
    return this.#socket.end();
  }

  close(): void {
    this.#socket.wire.close();
  }
}
