/** A client of SPDY/3.1 as kubelets are one: opens streams with headers, sends and reads. */
import {
  controlFrame,
  dataFrame,
  FLAG_FIN,
  RST_STREAM,
  SpdyParser,
  SYN_REPLY,
  SYN_STREAM,
} from "../../src/streaming/spdy_frames.ts";
import { HeaderWriter } from "../../src/streaming/spdy_headers.ts";

const decoder = new TextDecoder();

/** One stream, seen from the client. */
export class ClientStream {
  readonly id: number;
  readonly #send: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  readonly #replied = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<"end" | "reset" | "lost">();
  /** What has come and wasn't taken by `onChunk`. */
  readonly chunks: Uint8Array[] = [];
  onChunk: ((chunk: Uint8Array) => void) | undefined;

  constructor(id: number, send: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>) {
    this.id = id;
    this.#send = send;
  }

  get replied(): Promise<void> {
    return this.#replied.promise;
  }

  get ended(): Promise<"end" | "reset" | "lost"> {
    return this.#ended.promise;
  }

  async send(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    await this.#send(dataFrame(this.id, bytes));
  }

  async end(): Promise<void> {
    await this.#send(dataFrame(this.id, new Uint8Array(0), true));
  }

  async reset(): Promise<void> {
    await this.#send(controlFrame(RST_STREAM, [this.id, 5]));
  }

  /** All that came, once the server has ended the stream. */
  async text(): Promise<string> {
    await this.ended;
    return decoder.decode(concatAll(this.chunks));
  }

  take(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.onChunk === undefined) this.chunks.push(chunk.slice());
    else this.onChunk(chunk);
  }

  reply(): void {
    this.#replied.resolve();
  }

  over(how: "end" | "reset" | "lost"): void {
    this.#replied.resolve();
    this.#ended.resolve(how);
  }
}

export function concatAll(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Status line and headers of the answer to an upgrade. */
export interface Answer {
  readonly status: number;
  readonly head: string;
}

export class SpdyClient {
  readonly socket: Deno.TcpConn;
  readonly protocol: string;
  readonly #streams = new Map<number, ClientStream>();
  readonly #parser = new SpdyParser();
  readonly #headers = new HeaderWriter();
  #lastId = -1;
  #sending: Promise<void> = Promise.resolve();
  #paused: PromiseWithResolvers<void> | undefined;
  readonly closed: Promise<void>;

  private constructor(socket: Deno.TcpConn, head: string, early: Uint8Array<ArrayBuffer>) {
    this.socket = socket;
    this.protocol = /^x-stream-protocol-version: (.*)$/im.exec(head)?.[1]?.trim() ?? "";
    this.closed = this.#read(early);
  }

  /** @throws with the answer when the server doesn't change to SPDY */
  static async connect(url: string, protocols: readonly string[]): Promise<SpdyClient> {
    const headers = protocols.map((name) => `X-Stream-Protocol-Version: ${name}`);
    const { socket, answer, early } = await request(url, [
      "Connection: Upgrade",
      "Upgrade: SPDY/3.1",
      ...headers,
    ]);
    if (answer.status === 101) return new SpdyClient(socket, answer.head, early);
    socket.close();
    throw new Error(answer.head);
  }

  /** Opens a stream and waits until the server has taken it. */
  async open(headers: Record<string, string>, isFin = false): Promise<ClientStream> {
    const id = this.#lastId += 2;
    const stream = new ClientStream(id, (bytes) => this.#send(bytes));
    this.#streams.set(id, stream);
    const block = this.#headers.write(new Map(Object.entries(headers)));
    // Priority and slot come between the two ids and the headers.
    const rest = new Uint8Array(2 + block.length);
    rest.set(block, 2);
    await this.#send(controlFrame(SYN_STREAM, [id, 0], { rest, flags: isFin ? FLAG_FIN : 0 }));
    await stream.replied;
    return stream;
  }

  /** Reads no more, so that the server can't send on. */
  pause(): void {
    this.#paused = Promise.withResolvers<void>();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  close(): void {
    try {
      this.socket.close();
    } catch {
      // It is closed.
    }
  }

  async #send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      for (let rest = bytes; rest.length > 0;) {
        rest = rest.subarray(await this.socket.write(rest));
      }
    });
    await this.#sending;
  }

  async #read(early: Uint8Array<ArrayBuffer>): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      this.#take(early);
      while (true) {
        const count = await this.socket.read(buffer);
        await this.#paused?.promise;
        if (count === null) break;
        this.#take(buffer.subarray(0, count));
      }
    } catch {
      // Reset by the server, or closed by the test.
    }
    for (const stream of this.#streams.values()) stream.over("lost");
    this.close();
  }

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    for (const event of this.#parser.push(bytes)) {
      if (event.kind === "data") {
        const stream = this.#streams.get(event.streamId);
        stream?.take(event.chunk);
        if (event.isFin) stream?.over("end");
      } else if (event.type === SYN_REPLY) {
        this.#streams.get(event.body.getUint32(0))?.reply();
      } else if (event.type === RST_STREAM) {
        this.#streams.get(event.body.getUint32(0))?.over("reset");
      }
    }
  }
}

/** Sends an HTTP request of a few lines and reads the head of the answer. */
export async function request(
  url: string,
  lines: readonly string[],
): Promise<{ socket: Deno.TcpConn; answer: Answer; early: Uint8Array<ArrayBuffer> }> {
  const { hostname, port, pathname } = new URL(url);
  const socket = await Deno.connect({ hostname, port: Number(port) });
  const text = ["POST " + pathname + " HTTP/1.1", `Host: ${hostname}`, ...lines, "", ""];
  await socket.write(new TextEncoder().encode(text.join("\r\n")));
  const chunks: Uint8Array[] = [];
  while (true) {
    const buffer = new Uint8Array(65_536);
    const count = await socket.read(buffer);
    if (count !== null) chunks.push(buffer.subarray(0, count));
    const all = concatAll(chunks);
    const end = decoder.decode(all).indexOf("\r\n\r\n");
    if (end < 0 && count !== null) continue;
    const head = decoder.decode(all.subarray(0, Math.max(end, 0)));
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? "0");
    return { socket, answer: { status, head }, early: all.subarray(end + 4) };
  }
}
