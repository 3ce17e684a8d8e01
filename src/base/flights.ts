/** Requests in progress by name: a repeated request joins the first and gets its result. */
import { CriError } from "./errors.ts";
import { waitFor } from "./keyed_lock.ts";
import type { Operation } from "./operation.ts";

/** How long work goes on after its last caller's deadline passed: a retry can join it meanwhile. */
const ORPHAN_MS = 120_000;

type Work<T> = (signal: AbortSignal) => { operation: Operation; result: Promise<T> };

interface Flight<T> {
  readonly request: string;
  readonly operation: Operation;
  readonly result: Promise<T>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * Work by name. When the last caller goes away, the work is given up; if the caller's deadline
 * passed it goes on for a while, because such callers come again with the same request.
 */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #untaken = new Map<string, { request: string; value: T }>();

  /**
   * Starts the work, or joins the one in progress under this name for the same request.
   *
   * @param request what two requests must have in common to share a result, such as their bytes
   * @throws CriError alreadyExists when another request holds the name; the signal's reason
   */
  async join(
    { name, request, signal }: { name: string; request: string; signal: AbortSignal },
    work: Work<T>,
  ): Promise<T> {
    const ready = this.#untaken.get(name);
    if (ready !== undefined) {
      this.#untaken.delete(name);
      if (ready.request === request) return ready.value;
    }
    const flight = this.#flights.get(name) ?? this.#start(name, request, work);
    if (flight.request !== request) {
      throw new CriError(
        "alreadyExists",
        `Another request for ${name} is in progress: ${flight.operation.stage}`,
        { remedy: "wait for it to end" },
      );
    }
    flight.waiters++;
    try {
      return await waitFor(flight.result, signal);
    } catch (error) {
      if (signal.aborted) throw this.#given(flight, signal);
      throw error;
    } finally {
      flight.waiters--;
      if (flight.waiters === 0 && signal.aborted) leave(flight, signal);
    }
  }

  /** How many requests are in progress. */
  get size(): number {
    return this.#flights.size;
  }

  /** Resolves when all that are in progress now have ended, those that fail with what they undo. */
  async landed(): Promise<void> {
    await Promise.allSettled([...this.#flights.values()].map(({ result }) => result));
  }

  /** Forgets a result that nobody fetched, because its object is gone. */
  forget(matches: (value: T) => boolean): void {
    for (const [name, { value }] of this.#untaken) {
      if (matches(value)) this.#untaken.delete(name);
    }
  }

  #start(name: string, request: string, work: Work<T>): Flight<T> {
    const abort = new AbortController();
    const { operation, result } = work(abort.signal);
    const flight: Flight<T> = { request, operation, result, abort, waiters: 0 };
    this.#flights.set(name, flight);
    const landed = () => this.#flights.delete(name);
    result.then((value) => {
      landed();
      if (flight.waiters === 0) this.#untaken.set(name, { request, value });
    }, landed);
    return flight;
  }

  #given(flight: Flight<T>, signal: AbortSignal): unknown {
    if (!isTimeout(signal)) return signal.reason;
    return new CriError(
      "deadlineExceeded",
      `The deadline passed while trying to ${flight.operation.what}: ${flight.operation.stage}`,
      { cause: signal.reason, remedy: "it goes on for a while, the same request again joins it" },
    );
  }
}

function isTimeout(signal: AbortSignal): boolean {
  return signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
}

function leave<T>(flight: Flight<T>, signal: AbortSignal): void {
  if (!isTimeout(signal)) {
    flight.abort.abort(signal.reason);
    return;
  }
  const timer = setTimeout(() => {
    if (flight.waiters === 0) flight.abort.abort(signal.reason);
  }, ORPHAN_MS);
  const stop = () => clearTimeout(timer);
  flight.result.then(stop, stop);
}
