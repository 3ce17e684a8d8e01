/** One Worker: started with its permissions, watched, stopped. */
import { CriError } from "../base/errors.ts";
import { fromWire } from "../compartments/messages.ts";
import {
  type CompartmentMessage,
  type CompartmentName,
  STOP_TIMEOUT_MS,
  type SupervisorMessage,
} from "../compartments/start.ts";
import { pause } from "../base/pause.ts";
import { type CompartmentPermissions, workerPermissions } from "./permissions.ts";

/** How compartments are watched; tests have shorter times. */
export interface Watching {
  /** Time for loading the code and running the composition root. */
  readyTimeoutMs: number;
  pingMs: number;
  /**
   * So many pings in a row without an answer is a hang. They are counted, not timed: after a
   * machine was suspended or starved, only one of them is overdue.
   */
  missedPings: number;
}

export const WATCHING: Watching = { readyTimeoutMs: 30_000, pingMs: 5_000, missedPings: 4 };

/** A compartment's Worker, from its start until it is down. It is never started again: a new one is. */
export class Compartment {
  readonly name: CompartmentName;
  readonly startedAt = performance.now();
  /** Resolves with the reason when it dies, hangs, fails to start or is ended. */
  readonly down: Promise<string>;
  readonly #worker: Worker;
  readonly #watching: Watching;
  readonly #ended = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #down = Promise.withResolvers<string>();
  #unanswered = 0;

  constructor(o: {
    name: CompartmentName;
    entry: URL;
    permissions: CompartmentPermissions;
    watching: Watching;
  }) {
    this.name = o.name;
    this.down = this.#down.promise;
    this.#watching = o.watching;
    this.#worker = new Worker(o.entry, {
      type: "module",
      name: o.name,
      deno: { permissions: workerPermissions(o.permissions) },
    });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.end(event.message);
    });
    this.#worker.addEventListener("messageerror", () => this.end("it sent what can't be read"));
    this.#worker.addEventListener(
      "message",
      (event: MessageEvent<CompartmentMessage>) => this.#receive(event.data),
    );
    // Its failure is also what `down` says; nobody has to wait for readiness.
    this.#ready.promise.catch(() => {});
  }

  /**
   * Sends the first message and waits until the compartment is at work.
   *
   * @throws CriError of the compartment's composition root, or unavailable when it died or was
   *   too slow; it is down then
   */
  async start(message: SupervisorMessage & { kind: "start" }): Promise<void> {
    this.send(message, Object.values(message.ports));
    const timeoutMs = this.#watching.readyTimeoutMs;
    const timer = setTimeout(() => this.end(`it was not ready in ${timeoutMs} ms`), timeoutMs);
    try {
      await this.#ready.promise;
    } finally {
      clearTimeout(timer);
    }
    void this.#ping();
  }

  send(message: SupervisorMessage, transfer: Transferable[] = []): void {
    if (!this.#ended.signal.aborted) this.#worker.postMessage(message, transfer);
  }

  get isDown(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Asks it to finish, and ends it when it has, or after {@link STOP_TIMEOUT_MS}. */
  async stop(): Promise<void> {
    this.send({ kind: "stop" });
    const timer = setTimeout(this.#stopped.resolve, STOP_TIMEOUT_MS);
    await Promise.race([this.#stopped.promise, this.down]);
    clearTimeout(timer);
    this.end("it was stopped");
  }

  /** Ends the Worker at once. */
  end(reason: string): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#worker.terminate();
    this.#ready.reject(new CriError("unavailable", `Compartment ${this.name}: ${reason}`));
    this.#down.resolve(reason);
  }

  #receive(message: CompartmentMessage): void {
    switch (message.kind) {
      case "ready":
        return this.#ready.resolve();
      case "failed":
        this.#ready.reject(fromWire(message.error));
        return this.end(message.error.message);
      case "pong":
        this.#unanswered = 0;
        return;
      case "stopped":
        return this.#stopped.resolve();
    }
  }

  async #ping(): Promise<void> {
    const { pingMs, missedPings } = this.#watching;
    for (let id = 1; !this.#ended.signal.aborted; id++) {
      if (this.#unanswered >= missedPings) {
        return this.end(`it has not answered for ${missedPings} pings of ${pingMs} ms`);
      }
      this.#unanswered++;
      this.send({ kind: "ping", id });
      await pause(pingMs, this.#ended.signal);
    }
  }
}
