/** Reading an answer's body: bounded, and not for ever. */
import { type Asked, RegistryError, unreachable } from "./errors.ts";
import type { Timing } from "./timing.ts";

const CHUNK_BYTES = 256 * 1024;

/** An answer whose body hasn't been read. Read it or cancel it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** URL that the answer came from, after redirects. */
  readonly url: URL;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Ends the transfer. */
  readonly abort: AbortController;
  readonly asked: Asked;
}

/**
 * The body piece by piece. Only time spent waiting for the registry counts against it, not what
 * the reader takes between two pieces.
 *
 * @throws RegistryError transient when the connection breaks or brings next to nothing
 */
export async function* chunksOf(answer: Answer, timing: Timing): AsyncGenerator<Uint8Array> {
  if (answer.body === null) return;
  const { signal } = answer.abort;
  const reader = readerOf(answer.body, chunkBytes(answer.headers));
  const cancel = () => void reader.cancel().catch(() => {});
  // fetch() hears its signal no longer once its Response is collected, which nothing keeps.
  signal.addEventListener("abort", cancel, { once: true });
  const watch = new StallWatch(answer, timing);
  try {
    signal.throwIfAborted();
    while (true) {
      watch.wait();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      watch.got(value.length);
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(answer.asked, error);
  } finally {
    watch.stop();
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** No more than there is to come: a hundred small layers would take megabytes for nothing. */
function chunkBytes(headers: Headers): number {
  const length = Number(headers.get("content-length"));
  return length > 0 ? Math.min(length, CHUNK_BYTES) : CHUNK_BYTES;
}

/** Few large chunks, where the body can be read so: fetch()'s can, and costs half as much then. */
function readerOf(body: ReadableStream<Uint8Array>, chunkBytes: number): {
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: unknown }>;
  cancel(): Promise<void>;
} {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    return body.getReader();
  }
  return {
    read: async () => {
      const { done, value } = await reader.read(new Uint8Array(chunkBytes));
      return done || value === undefined ? { done: true } : { done, value };
    },
    cancel: () => reader.cancel(),
  };
}

/** The whole body. @throws RegistryError when it is larger than `maxBytes` */
export async function wholeBody(
  answer: Answer,
  timing: Timing,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of chunksOf(answer, timing)) {
    length += chunk.length;
    if (length > maxBytes) {
      const { host, what } = answer.asked;
      throw new RegistryError(
        "failedPrecondition",
        `Registry ${host} sends more than ${maxBytes} bytes for ${what}`,
      );
    }
    pieces.push(new Uint8Array(chunk));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** The beginning of an error's body, never failing. */
export async function beginningOf(answer: Answer, timing: Timing): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const chunk of chunksOf(answer, { ...timing, stallMs: 5_000 })) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > 16 * 1024) break;
    }
  } catch {
    // The status says enough.
  }
  return text;
}

/** Looks a few times a stall's length whether a transfer has brought enough. */
class StallWatch {
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #waitingSince: number | undefined;
  #waitedMs = 0;
  #bytes = 0;

  constructor(answer: Answer, timing: Timing) {
    if (timing.stallMs === 0) return;
    this.#timer = setInterval(() => this.#check(answer, timing), timing.stallMs / 4);
  }

  wait(): void {
    this.#waitingSince = performance.now();
  }

  got(bytes: number): void {
    this.#addWait();
    this.#waitingSince = undefined;
    this.#bytes += bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #addWait(): void {
    if (this.#waitingSince === undefined) return;
    const now = performance.now();
    this.#waitedMs += now - this.#waitingSince;
    this.#waitingSince = now;
  }

  #check(answer: Answer, timing: Timing): void {
    this.#addWait();
    if (this.#waitedMs < timing.stallMs) return;
    if (this.#bytes < timing.minBytes) {
      const { host, what } = answer.asked;
      const seconds = Math.round(this.#waitedMs / 1000);
      answer.abort.abort(
        new RegistryError(
          "unavailable",
          `Registry ${host} sent only ${this.#bytes} bytes of ${what} in ${seconds} s`,
          { isTransient: true },
        ),
      );
    }
    this.#waitedMs = 0;
    this.#bytes = 0;
  }
}
