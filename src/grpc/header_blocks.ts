/** Header blocks, which may come in several frames that nothing else comes between. */
import { concat } from "../base/concat.ts";
import { contentOf, ERROR_CODE, FLAG, FRAME, type Frame, Http2Error } from "./frames.ts";
import { HeaderDecoder, type HeaderField } from "./hpack.ts";

export interface HeaderBlock {
  readonly streamId: number;
  /** Whether nothing follows on the stream. */
  readonly isEnd: boolean;
  readonly fields: readonly HeaderField[];
}

/** What a block may take on the wire, in all its frames. */
const MAX_BYTES = 64 * 1024;

export class HeaderBlocks {
  readonly #decoder = new HeaderDecoder();
  #open: { streamId: number; isEnd: boolean; parts: Uint8Array[]; size: number } | undefined;

  /** @throws Http2Error for a frame in the middle of a block of which it is no part */
  assertAllows({ type, streamId }: Frame): void {
    const isPart = type === FRAME.continuation;
    const isDue = this.#open !== undefined;
    if (isPart === isDue && (!isPart || streamId === this.#open?.streamId)) return;
    throw new Http2Error(ERROR_CODE.protocolError, "headers are cut off, or continued unbegun");
  }

  /**
   * Also blocks that nobody is interested in go through here: the next may refer to what they put
   * in the table.
   *
   * @returns the block when this was its last frame
   */
  take(frame: Frame): HeaderBlock | undefined {
    const { streamId, flags } = frame;
    const content = contentOf(frame);
    const isWhole = (flags & FLAG.endHeaders) !== 0;
    const open = this.#open;
    if (open === undefined) {
      const isEnd = (flags & FLAG.endStream) !== 0;
      if (isWhole) return { streamId, isEnd, fields: this.#decoder.decode(content) };
      this.#open = { streamId, isEnd, parts: [content.slice()], size: content.length };
      return undefined;
    }
    open.parts.push(content.slice());
    open.size += content.length;
    if (open.size > MAX_BYTES || content.length === 0) {
      throw new Http2Error(ERROR_CODE.enhanceYourCalm, "headers in too many pieces");
    }
    if (!isWhole) return undefined;
    this.#open = undefined;
    return {
      streamId,
      isEnd: open.isEnd,
      fields: this.#decoder.decode(concat(open.parts, open.size)),
    };
  }
}
