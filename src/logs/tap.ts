/** Copies of a container's output for whoever watches it beside the log. */
import type { StdioPaths } from "./service.ts";
import type { StreamName } from "./format.ts";

export interface Tap {
  /**
   * Takes a chunk, whose memory is used again afterwards. A promise is waited for before the stream
   * is read on, so it must be a short one.
   */
  take(stream: StreamName, chunk: Uint8Array): Promise<void> | undefined;
}

/** A container's streams, as one who attaches to them sees them. */
export interface TappedStreams {
  readonly paths: StdioPaths;
  /** From now on every chunk is handed to the tap too, until the returned function is called. */
  tap(tap: Tap): () => void;
  /** Resolves when all output has come and been handed out. */
  readonly ended: Promise<void>;
}

/** Those who watch one container. */
export class Taps {
  readonly #taps = new Set<Tap>();

  add(tap: Tap): () => void {
    this.#taps.add(tap);
    return () => this.#taps.delete(tap);
  }

  take(stream: StreamName, chunk: Uint8Array): Promise<unknown> | undefined {
    if (this.#taps.size === 0) return undefined;
    const waits = [...this.#taps].map((tap) => tap.take(stream, chunk));
    const held = waits.filter((wait) => wait !== undefined);
    return held.length === 0 ? undefined : Promise.all(held);
  }
}
