/** How much more the other side may send (RFC 9113, section 5.2). */
import { ERROR_CODE, Http2Error } from "./frames.ts";

export class ReceiveWindow {
  readonly #bytes: number;
  #left: number;
  #taken = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#left = bytes;
  }

  /** @throws Http2Error for more than there was room for */
  take(bytes: number): void {
    this.#left -= bytes;
    this.#taken += bytes;
    if (this.#left >= 0) return;
    throw new Http2Error(ERROR_CODE.flowControlError, "more data than there was room for");
  }

  /** The room to give again: none before it is worth a frame. */
  giveBack(): number {
    if (this.#taken < this.#bytes / 2) return 0;
    const given = this.#taken;
    this.#left += given;
    this.#taken = 0;
    return given;
  }
}
