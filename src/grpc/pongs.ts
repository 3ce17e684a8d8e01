/**
 * The answers to PINGs (RFC 9113, section 6.7). Ends made with grpc-go ping after almost every message
 * to learn how much the connection holds, and none again before the answer: each would wake up both
 * sides once more. So while calls are under way an answer waits for a moment, and two go at once.
 */
import { FLAG, type Frame, pongFrame, protocolError, sizeError } from "./frames.ts";

const PING_BYTES = 8;

/** Far below what anybody takes for a connection that has died. */
const WAIT_MS = 100;

export class Pongs {
  readonly #send: (frame: Frame) => void;
  readonly #isBusy: () => boolean;
  #waiting: Frame | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param isBusy whether there are calls; without, an answer is at once */
  constructor(send: (frame: Frame) => void, isBusy: () => boolean) {
    this.#send = send;
    this.#isBusy = isBusy;
  }

  /** @throws Http2Error for a PING of a wrong size or of a stream, and for an answer like that */
  onPing({ flags, payload, streamId }: Frame): void {
    if (streamId !== 0) throw protocolError("PING of a stream");
    if (payload.length !== PING_BYTES) throw sizeError("PING");
    if ((flags & FLAG.ack) !== 0) return;
    const pong = pongFrame(payload.slice());
    if (this.#waiting === undefined && this.#isBusy()) {
      this.#waiting = pong;
      this.#timer = setTimeout(() => this.#sendWaiting(), WAIT_MS);
      return;
    }
    this.stop();
    this.#sendWaiting();
    this.#send(pong);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #sendWaiting(): void {
    const pong = this.#waiting;
    this.#waiting = undefined;
    if (pong !== undefined) this.#send(pong);
  }
}
