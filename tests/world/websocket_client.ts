/** A client of the channel protocols, on the WebSocket that is built into Deno. */
import { concatAll } from "./spdy_client.ts";

export class ChannelClient {
  readonly socket: WebSocket;
  readonly #channels = new Map<number, Uint8Array[]>();
  readonly #closed = Promise.withResolvers<number>();
  onChunk: ((channel: number, chunk: Uint8Array) => void) | undefined;
  onMessage: (() => void) | undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      const bytes = typeof data === "string" ? decodeText(data) : new Uint8Array(data);
      const [channel = 0] = bytes;
      const chunk = bytes.subarray(1);
      if (this.onChunk !== undefined) this.onChunk(channel, chunk);
      else this.#channels.set(channel, [...this.#channels.get(channel) ?? [], chunk]);
      this.onMessage?.();
    };
    socket.onclose = ({ code }) => this.#closed.resolve(code);
    socket.onerror = () => {};
  }

  static async connect(url: string, protocols: string[]): Promise<ChannelClient> {
    const socket = new WebSocket(url.replace(/^http/, "ws"), protocols);
    const client = new ChannelClient(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.onopen = () => resolve();
    void client.closed.then((code) => reject(new Error(`closed with ${code}`)));
    await promise;
    return client;
  }

  /** The code with which it was closed. */
  get closed(): Promise<number> {
    return this.#closed.promise;
  }

  send(channel: number, data: Uint8Array | string): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const message = new Uint8Array(1 + bytes.length);
    message[0] = channel;
    message.set(bytes, 1);
    if (this.socket.protocol.includes("base64")) this.socket.send(`${channel}${bytes.toBase64()}`);
    else this.socket.send(message);
  }

  /** Waits until no more than so much is queued. */
  async drained(maxBytes: number): Promise<void> {
    while (this.socket.bufferedAmount > maxBytes) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  bytes(channel: number): Uint8Array<ArrayBuffer> {
    return concatAll(this.#channels.get(channel) ?? []);
  }

  text(channel: number): string {
    return new TextDecoder().decode(this.bytes(channel));
  }

  close(): void {
    this.socket.close();
  }
}

function decodeText(text: string): Uint8Array {
  const bytes = Uint8Array.fromBase64(text.slice(1));
  return concatAll([new Uint8Array([Number(text[0])]), bytes]);
}
