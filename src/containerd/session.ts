/** One connection to containerd: whether it stands, and since when it doesn't. */
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import type { GrpcClient } from "../grpc/client.ts";
import { dial } from "../grpc/dial.ts";

export type ConnectionState =
  | { state: "ready" }
  /** `since` in milliseconds since the epoch. */
  | { state: "connecting"; since: number; reason: string };

const log = logger("containerd");

const MAX_MESSAGE_BYTES = 1024 * 1024 * 1024;

const FIRST_BACKOFF_MS = 100;
/** A try on a unix socket costs next to nothing, and a restarted containerd is found soon. */
const MAX_BACKOFF_MS = 1_000;

export interface SessionOptions {
  /** Path of the unix socket. */
  readonly address: string;
  /** Sent with each call. */
  readonly namespace: string;
}

/** Keeps a connection: it is made at once, and again whenever it breaks. */
export class Session {
  readonly #options: SessionOptions;
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  readonly #waiting = new Set<() => void>();
  readonly #closing = new AbortController();
  #client: GrpcClient | undefined;
  #state: ConnectionState;
  #hasFailed = false;
  #losses = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#state = {
      state: "connecting",
      since: Date.now(),
      reason: `the first connection to ${options.address} isn't made yet`,
    };
    void this.#keep();
  }

  /** What a call can be made on now, if anything. */
  get client(): GrpcClient | undefined {
    return this.#client?.isOpen === true ? this.#client : undefined;
  }

  get isReady(): boolean {
    return this.client !== undefined;
  }

  /** Whether the last try to connect failed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** How often a connection that stood has broken. */
  get losses(): number {
    return this.#losses;
  }

  /** Why there is no connection; empty when there is. */
  get reason(): string {
    return this.#state.state === "ready" ? "" : this.#state.reason;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Tells each change between ready and connecting. */
  onChange(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Returns when the session is ready, or closed, or the time is over, or the signal aborted. */
  async waitReady(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    const stop = () => resolve();
    signal?.addEventListener("abort", stop, { once: true });
    this.#waiting.add(stop);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      this.#waiting.delete(stop);
    }
  }

  close(): void {
    this.#closing.abort();
    const client = this.#client;
    this.#client = undefined;
    void client?.close("the connection to containerd is being closed");
    this.#wake();
  }

  async #keep(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!this.#closing.signal.aborted) {
      const wasReady = await this.#live();
      if (wasReady) backoffMs = FIRST_BACKOFF_MS;
      await pause(backoffMs, this.#closing.signal);
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  }

  /** From a try to connect to the end of what it made. @returns whether it was ever ready */
  async #live(): Promise<boolean> {
    const { address, namespace } = this.#options;
    const over = Promise.withResolvers<void>();
    try {
      this.#onReady(
        await dial(address, {
          maxMessageBytes: MAX_MESSAGE_BYTES,
          metadata: [["containerd-namespace", namespace]],
          onDraining: over.resolve,
          onEnd: () => over.resolve(),
        }),
      );
      await over.promise;
    } catch (error) {
      log.trace("Cannot connect to {address}: {error}", { address, error });
    }
    return this.#onOver();
  }

  #onReady(client: GrpcClient): void {
    if (this.#closing.signal.aborted) return void client.close("it isn't wanted any more");
    this.#client = client;
    this.#hasFailed = false;
    this.#become({ state: "ready" });
    this.#wake();
  }

  /** @returns whether it was ready */
  #onOver(): boolean {
    const { address } = this.#options;
    const wasReady = this.#client !== undefined;
    this.#client = undefined;
    if (this.#closing.signal.aborted) return wasReady;
    this.#hasFailed = !wasReady;
    if (wasReady) {
      this.#losses++;
      const reason = `the connection to ${address} was lost`;
      this.#become({ state: "connecting", since: Date.now(), reason });
    } else if (this.#state.state === "connecting") {
      // The same outage goes on: since stays, and nobody is told again.
      this.#state = { ...this.#state, reason: `nothing answers at ${address}` };
    }
    return wasReady;
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }
}
