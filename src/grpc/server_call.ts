/** One call of a client, from its headers to our status. */
import { concat } from "../base/concat.ts";
import type { Connection } from "./connection.ts";
import { ERROR_CODE } from "./frames.ts";
import { headerBlock, type HeaderField } from "./hpack.ts";
import { MessageReader, pieces } from "./messages.ts";
import type { Handler } from "./server.ts";
import { CODE, type Status, StatusError, trailersOf, valueOf } from "./status.ts";
import type { Stream, StreamListener } from "./stream.ts";
import { parseTimeout } from "./timeout.ts";

export interface ServerCallOptions {
  readonly stream: Stream;
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly maxMessageBytes: number;
  /** Of the connection. */
  readonly backlog: Connection["backlog"];
  /** Called once: the call is answered, or the client and its handler have both done with it. */
  readonly onOver: () => void;
}

/** Why a call isn't wanted any more. */
export type Cancellation = "deadline" | "gone";

const HEADERS = headerBlock([":status", "200"], ["content-type", "application/grpc"]);
const NOT_GRPC = headerBlock([":status", "415"]);

export class ServerCall implements StreamListener {
  readonly #options: ServerCallOptions;
  readonly #reader: MessageReader;
  #fields: readonly HeaderField[] = [];
  #handler: Handler | undefined;
  #message: Uint8Array | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #onCancelled: ((why: Cancellation) => void) | undefined;
  #cancellation: Cancellation | undefined;
  /** The request is, and its handler at work. */
  #isWhole = false;
  #hasBegun = false;
  #isAnswered = false;

  constructor(options: ServerCallOptions) {
    this.#options = options;
    this.#reader = new MessageReader(options.maxMessageBytes);
  }

  /** The request as it came, of no memory that is used again. */
  get message(): Uint8Array {
    return this.#message ?? new Uint8Array();
  }

  /** One of the client's metadata. */
  header(name: string): string | undefined {
    return valueOf(this.#fields, name);
  }

  /** Told at most once, and not after the answer. */
  onCancelled(listener: (why: Cancellation) => void): void {
    this.#onCancelled = listener;
    if (this.#cancellation !== undefined) listener(this.#cancellation);
  }

  /** The one message of an answer, in one piece or several. */
  answer(...parts: readonly Uint8Array[]): void {
    if (this.#isAnswered) return;
    this.begin();
    this.#options.stream.send(...pieces(parts));
    this.end({ code: CODE.ok, details: "" });
  }

  /** Tells the client that its call is heard, before there is a message for it. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#options.stream.headers(HEADERS);
  }

  /** One message of a stream of them. @returns whether the next may follow before {@link room} */
  write(...parts: readonly Uint8Array[]): boolean {
    if (this.#isAnswered) return true;
    this.begin();
    const { stream, backlog } = this.#options;
    stream.send(...pieces(parts));
    return !stream.isBlocked && !backlog.isFull;
  }

  /** Resolves when the client has taken enough of what was written, or is gone. */
  async room(): Promise<void> {
    await this.#options.stream.drained();
    await this.#options.backlog.room();
  }

  end(status: Status): void {
    if (this.#isAnswered) return;
    const { stream, onOver } = this.#options;
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    const trailers = trailersOf(status);
    if (this.#hasBegun) stream.end(trailers);
    else stream.end(concat([HEADERS, trailers]));
    // The rest of what it sends is of no use.
    if (!stream.isRemoteDone) stream.reset(ERROR_CODE.noError);
    onOver();
  }

  headers(fields: readonly HeaderField[]): void {
    if (this.#handler !== undefined || this.#isAnswered) return;
    this.#fields = fields;
    const { stream, handlers } = this.#options;
    if (!(valueOf(fields, "content-type") ?? "").startsWith("application/grpc")) {
      this.#isAnswered = true;
      stream.end(NOT_GRPC);
      stream.reset(ERROR_CODE.noError);
      return this.#options.onOver();
    }
    const path = valueOf(fields, ":path") ?? "";
    this.#handler = handlers.get(path);
    if (this.#handler === undefined) {
      return this.end({ code: CODE.unimplemented, details: `there is no method ${path}` });
    }
    const timeout = parseTimeout(valueOf(fields, "grpc-timeout") ?? "");
    if (timeout !== undefined && timeout <= MAX_TIMER_MS) {
      this.#timer = setTimeout(() => this.#cancel("deadline"), timeout);
    }
  }

  data(bytes: Uint8Array): void {
    if (this.#isAnswered) return;
    try {
      for (const message of this.#reader.push(bytes)) {
        if (this.#message !== undefined) throw tooMany();
        this.#message = message;
      }
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.end(error);
    }
  }

  finished(): void {
    if (this.#isAnswered) return;
    this.#isWhole = this.#message !== undefined && !this.#reader.isInside;
    if (this.#isWhole) return this.#handler?.(this);
    this.end({ code: CODE.internal, details: "the call ended before its request was whole" });
  }

  broken(): void {
    if (this.#isAnswered) return;
    this.#cancel("gone");
  }

  #cancel(why: Cancellation): void {
    if (this.#cancellation !== undefined) return;
    clearTimeout(this.#timer);
    this.#cancellation = why;
    this.#onCancelled?.(why);
    if (this.#isWhole) return;
    // There is no handler at work that would end the call.
    const code = why === "gone" ? CODE.cancelled : CODE.deadlineExceeded;
    this.end({ code, details: "the request didn't come in time" });
  }
}

/** What setTimeout takes: later than that is as good as never. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function tooMany(): StatusError {
  return new StatusError(CODE.internal, "the call sent more than one message");
}
