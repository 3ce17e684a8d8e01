/** Two ends of a connection within the test. */
import type { Wire } from "../../src/grpc/outbox.ts";

/** What may be under way before a writer waits, as in a socket's buffer. */
const BUFFER_BYTES = 64 * 1024;

class Pipe {
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #isClosed = false;
  #changed = Promise.withResolvers<void>();

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#isClosed) return null;
      await this.#changed.promise;
    }
    const [first = new Uint8Array()] = this.#chunks.splice(0, 1);
    const count = Math.min(into.length, first.length);
    into.set(first.subarray(0, count));
    if (count < first.length) this.#chunks.unshift(first.subarray(count));
    this.#size -= count;
    this.#tell();
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    while (this.#size >= BUFFER_BYTES && !this.#isClosed) await this.#changed.promise;
    if (this.#isClosed) throw new Deno.errors.BrokenPipe("the other end is closed");
    const written = bytes.slice(0, BUFFER_BYTES);
    this.#chunks.push(written);
    this.#size += written.length;
    this.#tell();
    return written.length;
  }

  close(): void {
    this.#isClosed = true;
    this.#tell();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

export function wirePair(): [Wire, Wire] {
  const [there, back] = [new Pipe(), new Pipe()];
  const close = () => {
    there.close();
    back.close();
  };
  return [
    { read: (into) => back.read(into), write: (bytes) => there.write(bytes), close },
    { read: (into) => there.read(into), write: (bytes) => back.write(bytes), close },
  ];
}
