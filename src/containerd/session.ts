/** One HTTP/2 session to containerd: whether it stands, and since when it doesn't. */

export type ConnectionState =
  | { state: "ready" }
  /** `since` in milliseconds since the epoch. */
  | { state: "connecting"; since: number; reason: string };

/** What is used of grpc-js's channel here. */
interface WireChannel {
  getConnectivityState(tryToConnect: boolean): number;
  watchConnectivityState(state: number, deadline: number, changed: (e?: Error) => void): void;
  close(): void;
}

/** https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md */
const READY = 2;
const TRANSIENT_FAILURE = 3;

/** Keeps a channel connected, for grpc-js alone would wait for the next call to try again. */
export class Session<C extends WireChannel> {
  readonly channel: C;
  readonly #address: string;
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  readonly #waiting = new Set<() => void>();
  #state: ConnectionState;
  #losses = 0;
  #isClosed = false;

  constructor(channel: C, address: string) {
    this.channel = channel;
    this.#address = address;
    this.#state = {
      state: "connecting",
      since: Date.now(),
      reason: `the first connection to ${address} isn't made yet`,
    };
    this.#watch();
  }

  isReady(): boolean {
    return this.channel.getConnectivityState(false) === READY;
  }

  /** Whether the last try to connect failed. */
  hasFailed(): boolean {
    return this.channel.getConnectivityState(false) === TRANSIENT_FAILURE;
  }

  /** How often a connection that stood has broken. */
  losses(): number {
    return this.#losses;
  }

  state(): ConnectionState {
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
    this.#isClosed = true;
    this.channel.close();
    this.#wake();
  }

  #watch(): void {
    const wire = this.channel.getConnectivityState(true);
    this.#note(wire);
    this.channel.watchConnectivityState(wire, Infinity, () => {
      if (!this.#isClosed) this.#watch();
    });
  }

  #note(wire: number): void {
    const was = this.#state;
    if (wire === READY) {
      this.#wake();
      if (was.state !== "ready") this.#become({ state: "ready" });
    } else if (was.state === "ready") {
      this.#losses++;
      const reason = `the connection to ${this.#address} was lost`;
      this.#become({ state: "connecting", since: Date.now(), reason });
    } else if (wire === TRANSIENT_FAILURE) {
      // The same outage goes on: since stays, and nobody is told again.
      this.#state = { ...was, reason: `nothing answers at ${this.#address}` };
    }
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }
}
