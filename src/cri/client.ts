/** A client of the CRI, for the commands that show what a daemon knows. */
import type { Method } from "../base/codec.ts";
import { CriError, type Kind } from "../base/errors.ts";
import { RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";
import type { ClientCall } from "../grpc/client_call.ts";
import { Inbox } from "../grpc/inbox.ts";
import { CODE, StatusError } from "../grpc/status.ts";
import { UnixClient } from "../grpc/unix_client.ts";

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
/** Messages of a stream read ahead. */
const READ_AHEAD = 16;

/** Calls of one daemon's runtime service. */
export class CriClient implements Disposable {
  readonly #client: UnixClient;
  readonly #listen: string;

  /** @param listen path of the daemon's socket */
  constructor(listen: string) {
    this.#listen = listen;
    this.#client = new UnixClient(listen, { maxMessageBytes: MAX_MESSAGE_BYTES });
  }

  /** @throws CriError unavailable when no daemon answers, else of the kind that it answered */
  async call<Q, S>(method: Method<Q, S>, request: Q): Promise<S> {
    try {
      const answer = await this.#client.unary({
        path: pathOf(method),
        message: method.requestType.encode(request).finish(),
        timeoutMs: TIMEOUT_MS,
      });
      return method.responseType.decode(answer);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** The messages of a stream, until the signal is aborted. */
  async *stream<Q, S>(
    method: Method<Q, S>,
    request: Q,
    signal: AbortSignal,
  ): AsyncGenerator<S> {
    const leave = new AbortController();
    let call: ClientCall | undefined;
    const inbox = new Inbox<S>({
      limit: READ_AHEAD,
      pause: () => call?.pause(),
      resume: () => call?.resume(),
      cancel: () => leave.abort(),
    });
    this.#client.stream(
      {
        path: pathOf(method),
        message: method.requestType.encode(request).finish(),
        signal: AbortSignal.any([signal, leave.signal]),
      },
      { message: (bytes) => inbox.push(method.responseType.decode(bytes)) },
      (begun) => call = begun,
    ).then(
      () => inbox.end(),
      (error) => inbox.end(signal.aborted ? undefined : this.#failure(error)),
    );
    yield* inbox;
  }

  #failure(error: unknown): CriError {
    if (!(error instanceof StatusError)) {
      return new CriError("internal", "The daemon's answer is broken", { cause: error });
    }
    const kind = KINDS.get(error.code) ?? "internal";
    if (kind !== "unavailable") return new CriError(kind, error.details);
    return new CriError(kind, `No daemon answers on ${this.#listen}: ${error.details}`, {
      remedy: "start it with `cri-containerd serve`, or name its configuration with --config",
    });
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [CODE.invalidArgument, "invalidArgument"],
  [CODE.notFound, "notFound"],
  [CODE.failedPrecondition, "failedPrecondition"],
  [CODE.resourceExhausted, "resourceExhausted"],
  [CODE.unavailable, "unavailable"],
  [CODE.deadlineExceeded, "deadlineExceeded"],
]);

function pathOf({ name }: { readonly name: string }): string {
  return `/${RuntimeServiceDefinition.fullName}/${name}`;
}
