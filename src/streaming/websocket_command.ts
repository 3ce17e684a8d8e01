/** Exec and attach over WebSocket: a channel for each of stdin, stdout, stderr, error and resize. */
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
import type { ChannelProtocol } from "./upgrade.ts";
import { WebSocketConnection } from "./websocket.ts";
import { type ChannelPiece, WebSocketChannels } from "./websocket_channels.ts";
import { concat } from "../base/concat.ts";
import type { Wire } from "./wire.ts";

const STDIN = 0;
const CHANNELS = { stdout: 1, stderr: 2, error: 3 } as const;
const RESIZE = 4;
/** From version 5 on: the next byte is the channel on which the client sends no more. */
const CLOSED = 255;
const CLOSED_VERSION = 5;

/** Sizes are read as a whole. */
const MAX_SIZE_BYTES = 1024;

export class WebSocketCommand implements CommandClient {
  readonly #channels: WebSocketChannels;
  readonly #version: number;
  #isStdinOver: boolean;
  #kept: Uint8Array<ArrayBuffer>[] = [];
  #keptBytes = 0;

  constructor(wire: Wire, protocol: ChannelProtocol, streams: CommandStreams) {
    this.#channels = new WebSocketChannels(new WebSocketConnection(wire), protocol.isBase64);
    this.#version = protocol.version;
    this.#isStdinOver = !streams.stdin;
    // Clients take the first message, which is empty, as the sign that they are connected.
    const channel = streams.stdout
      ? CHANNELS.stdout
      : streams.stderr
      ? CHANNELS.stderr
      : CHANNELS.error;
    this.#channels.send(channel, new Uint8Array(0));
  }

  get closed(): Promise<void> {
    return this.#channels.socket.wire.closed;
  }

  get pendingBytes(): number {
    return this.#channels.socket.wire.pendingBytes;
  }

  async run(handlers: CommandHandlers): Promise<void> {
    for await (const piece of this.#channels.pieces()) {
      if (piece.channel !== STDIN) this.#keep(piece, handlers);
      else if (!this.#isStdinOver && piece.chunk.length > 0) await handlers.stdin(piece.chunk);
    }
  }

  write(stream: OutputName, chunk: Uint8Array): boolean {
    this.#channels.send(CHANNELS[stream], chunk);
    return this.pendingBytes < HIGH_WATER_BYTES;
  }

  drained(): Promise<void> {
    return this.#channels.socket.wire.drained(LOW_WATER_BYTES);
  }

  async finish(outcome: Outcome): Promise<void> {
    const status = statusBytes(outcome, this.#version);
    if (status.length > 0) this.#channels.send(CHANNELS.error, status);
    await this.#channels.socket.end();
  }

  close(): void {
    this.#channels.socket.wire.close();
  }

  #keep({ channel, chunk, isLast }: ChannelPiece, handlers: CommandHandlers): void {
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > MAX_SIZE_BYTES) throw new ProtocolError("a message that is too long");
    this.#kept.push(chunk.slice());
    if (!isLast) return;
    const message = concat(this.#kept.splice(0));
    this.#keptBytes = 0;
    if (channel === RESIZE) {
      const size = parseSize(new TextDecoder().decode(message));
      if (size !== undefined) handlers.resize(size);
    } else if (channel === CLOSED && this.#version >= CLOSED_VERSION && message[0] === STDIN) {
      if (this.#isStdinOver) return;
      this.#isStdinOver = true;
      handlers.stdinEnded();
    }
  }
}
