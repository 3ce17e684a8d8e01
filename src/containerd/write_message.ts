/**
 * Messages of a Write stream. Their data are put together where they are sent from: a copy for each
 * layer of encoding, and garbage as large as the content, is what a pull would spend its time on.
 */
import { Buffer } from "node:buffer";
import { WriteContentRequest } from "../gen/containerd/services/content/v1/content.ts";

/** What goes before the data of most messages: names, digest and numbers. */
const HEAD_BYTES = 512;
/** Tag of WriteContentRequest.data. */
const DATA_TAG = 6 << 3 | 2;

/** One message, used again for later ones. */
export class WriteMessage {
  readonly #bytes: Uint8Array;
  #length = 0;

  /** @param capacity bytes of data that it can hold */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(HEAD_BYTES + capacity);
  }

  /** Bytes of data in it. */
  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return HEAD_BYTES + this.#length === this.#bytes.length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Takes as much of a chunk as there is room for, and gives the rest. */
  add(chunk: Uint8Array): Uint8Array {
    const at = HEAD_BYTES + this.#length;
    const part = chunk.subarray(0, this.#bytes.length - at);
    this.#bytes.set(part, at);
    this.#length += part.length;
    return chunk.subarray(part.length);
  }

  /** As it is on the wire; it is good until the next {@link WriteMessage.clear}. */
  encode(fields: Omit<WriteContentRequest, "data">): Buffer {
    const data = this.#bytes.subarray(HEAD_BYTES, HEAD_BYTES + this.#length);
    const head = WriteContentRequest.encode({ ...fields, data: new Uint8Array(0) })
      .uint32(DATA_TAG).uint32(data.length).finish();
    // Many labels; the order of fields means nothing, so data may come last.
    if (head.length > HEAD_BYTES) return Buffer.concat([head, data]);
    const start = HEAD_BYTES - head.length;
    this.#bytes.set(head, start);
    return Buffer.from(
      this.#bytes.buffer,
      this.#bytes.byteOffset + start,
      head.length + this.#length,
    );
  }
}

/**
 * The source's bytes as messages, each full but the last; an empty source gives none.
 *
 * @param next gives an empty message to fill
 */
export async function* messagesOf(
  source: AsyncIterable<Uint8Array>,
  next: () => WriteMessage,
): AsyncGenerator<WriteMessage> {
  let message: WriteMessage | undefined;
  for await (const chunk of source) {
    for (let rest = chunk; rest.length > 0;) {
      message ??= next();
      rest = message.add(rest);
      if (!message.isFull) continue;
      yield message;
      message = undefined;
    }
  }
  if (message !== undefined) yield message;
}

/** Messages in turn: so many are in use at the same time, and none more is made. */
export function inTurn(count: number, capacity: number): () => WriteMessage {
  const messages: WriteMessage[] = [];
  let turn = 0;
  return () => {
    const message = messages[turn] ??= new WriteMessage(capacity);
    turn = (turn + 1) % count;
    message.clear();
    return message;
  };
}
