/** One call of ours, from its headers to the server's status. */
import { toCriError } from "../base/errors.ts";
import { ERROR_CODE } from "./frames.ts";
import type { HeaderField } from "./hpack.ts";
import { MessageReader, pieces } from "./messages.ts";
import { CODE, type Status, StatusError, statusIn, valueOf } from "./status.ts";
import type { Stream, StreamListener } from "./stream.ts";

/** Where the answers of a call go. */
export interface CallSink {
  /** The server has heard the call. */
  begun?(): void;
  /** What it throws ends the call as INTERNAL. */
  message(bytes: Uint8Array): void;
  /** Comes last, once. */
  end(status: Status): void;
}

export interface ClientCallOptions {
  readonly sink: CallSink;
  /** In milliseconds; 0: none. */
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
}

export class ClientCall implements StreamListener {
  readonly #sink: CallSink;
  readonly #reader: MessageReader;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  #stream: Stream | undefined;
  #status: Status | undefined;
  #isEnded = false;

  constructor({ sink, timeoutMs, maxMessageBytes }: ClientCallOptions) {
    this.#sink = sink;
    this.#reader = new MessageReader(maxMessageBytes);
    if (timeoutMs === 0) return;
    const details = `no answer within ${timeoutMs / 1000} s`;
    this.#timer = setTimeout(() => this.cancel(CODE.deadlineExceeded, details), timeoutMs);
  }

  /** The stream that carries it. */
  begin(stream: Stream): void {
    this.#stream = stream;
  }

  send(message: Uint8Array): void {
    this.#stream?.send(...pieces([message]));
  }

  /** Nothing more is sent. */
  halfClose(): void {
    this.#stream?.end();
  }

  /** Ends the call with this status, which the sink is told. */
  cancel(code: number, details: string): void {
    if (this.#isEnded) return;
    this.#stream?.reset(ERROR_CODE.cancel);
    this.#end({ code, details });
  }

  /** The server is given no more room until {@link resume}. */
  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  headers(fields: readonly HeaderField[]): void {
    if (this.#isEnded) return;
    this.#status = statusIn(fields);
    if (this.#status !== undefined) return;
    const httpStatus = valueOf(fields, ":status");
    if (httpStatus === "200") return this.#sink.begun?.();
    this.cancel(CODE.unavailable, `the server answers with HTTP status ${httpStatus}`);
  }

  data(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    try {
      for (const message of this.#reader.push(bytes)) this.#sink.message(message);
    } catch (error) {
      if (error instanceof StatusError) this.cancel(error.code, error.details);
      else this.cancel(CODE.internal, `the answer is broken: ${toCriError(error).message}`);
    }
  }

  finished(): void {
    // A server may answer before it has the whole request.
    this.#stream?.reset(ERROR_CODE.noError);
    this.#end(this.#status ?? { code: CODE.internal, details: "the server gave no status" });
  }

  broken(reason: string, code: number | undefined): void {
    this.#end(this.#status ?? { code: codeOf(code), details: reason });
  }

  #end(status: Status): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#sink.end(status);
  }
}

/** What a stream's end says of its call; without a code the connection is gone. */
function codeOf(code: number | undefined): number {
  switch (code) {
    case undefined:
    case ERROR_CODE.refusedStream:
      return CODE.unavailable;
    case ERROR_CODE.cancel:
      return CODE.cancelled;
    case ERROR_CODE.enhanceYourCalm:
      return CODE.resourceExhausted;
    default:
      return CODE.internal;
  }
}
