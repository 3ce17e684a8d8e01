/** A client of one server that connects with its first call, and anew after a connection is gone. */
import { toCriError } from "../base/errors.ts";
import { waitFor } from "../base/keyed_lock.ts";
import type { GrpcClient } from "./client.ts";
import type { ClientCall } from "./client_call.ts";
import { dial } from "./dial.ts";
import type { HeaderField } from "./hpack.ts";
import { CODE, type Status, StatusError } from "./status.ts";

export interface UnixClientOptions {
  /** Of one answer. */
  readonly maxMessageBytes: number;
  /** What one call may send ahead of its reader; 4 MiB if left out. */
  readonly streamWindow?: number;
}

export interface UnixCall {
  /** `/runtime.v1.RuntimeService/Version` */
  readonly path: string;
  readonly message: Uint8Array;
  /** In milliseconds; none if left out. */
  readonly timeoutMs?: number;
  readonly metadata?: readonly HeaderField[];
  readonly signal?: AbortSignal | undefined;
}

/** Where the answers of a stream go. */
export interface StreamSink {
  begun?(): void;
  message(bytes: Uint8Array): void;
}

export class UnixClient implements Disposable {
  readonly #path: string;
  readonly #options: UnixClientOptions;
  #client: Promise<GrpcClient> | undefined;
  /** Calls that the server has no room for yet, in their order. */
  readonly #waiting = new Set<() => void>();

  constructor(path: string, options: UnixClientOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** @returns the answer. @throws StatusError with the server's status, UNAVAILABLE without a server */
  async unary(call: UnixCall): Promise<Uint8Array> {
    let answer: Uint8Array | undefined;
    await this.stream(call, { message: (bytes) => answer = bytes });
    if (answer !== undefined) return answer;
    throw new StatusError(CODE.internal, "the call was answered without a message");
  }

  /**
   * Returns when the server has said the last.
   *
   * @param onCall gets the call, to pause it
   * @throws StatusError as {@link unary}
   */
  async stream(
    { path, message, timeoutMs = 0, metadata = [], signal }: UnixCall,
    sink: StreamSink,
    onCall: (call: ClientCall) => void = () => {},
  ): Promise<void> {
    let client = await this.#connected();
    while (!client.isOpen) client = await this.#next(client, signal);
    const ended = Promise.withResolvers<Status>();
    const call = client.call({ path, timeoutMs, metadata }, { ...sink, end: ended.resolve });
    onCall(call);
    const cancel = () => call.cancel(CODE.cancelled, "the caller went away");
    if (signal?.aborted === true) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    call.send(message);
    call.halfClose();
    const { code, details } = await ended.promise;
    signal?.removeEventListener("abort", cancel);
    this.#wake(1);
    if (code !== CODE.ok) throw new StatusError(code, details);
  }

  [Symbol.dispose](): void {
    const client = this.#client;
    this.#client = undefined;
    client?.then((one) => one.close("the client was closed"), () => {});
  }

  /** Waits for another connection than one that took no call, or for a call on it to end. */
  async #next(client: GrpcClient, signal: AbortSignal | undefined): Promise<GrpcClient> {
    // Servers say how many calls they take at once (RFC 9113, section 5.1.2).
    if (!client.isOver) await this.#turn(signal);
    // It ended between its greeting and this call: nobody would wake us up.
    const next = await this.#connected();
    if (!next.isOver) return next;
    const problem = `${this.#path}: the other side takes no calls on its connections`;
    throw new StatusError(CODE.unavailable, problem);
  }

  /** Waits until a call has ended, or the connection has. */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    try {
      await (signal === undefined ? promise : waitFor(promise, signal));
    } catch (error) {
      // What it was woken for is another's.
      if (!this.#waiting.delete(resolve)) this.#wake(1);
      throw error;
    }
  }

  #wake(count: number): void {
    for (const resolve of this.#waiting.values().take(count)) {
      this.#waiting.delete(resolve);
      resolve();
    }
  }

  async #connected(): Promise<GrpcClient> {
    this.#client ??= this.#dial();
    try {
      return await this.#client;
    } catch (error) {
      throw new StatusError(CODE.unavailable, `${this.#path}: ${toCriError(error).message}`);
    }
  }

  #dial(): Promise<GrpcClient> {
    const forget = () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#wake(this.#waiting.size);
    };
    const client = dial(this.#path, { ...this.#options, onDraining: forget, onEnd: forget });
    client.catch(forget);
    return client;
  }
}
