/** A client of the CRI, for the commands that show what a daemon knows. */
import { Buffer } from "node:buffer";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import type { Method } from "../base/codec.ts";
import { CriError, type Kind } from "../base/errors.ts";
import { RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
const TIMEOUT_MS = 10_000;

/** Calls of one daemon's runtime service. */
export class CriClient implements Disposable {
  readonly #client: Client;
  readonly #listen: string;

  /** @param listen path of the daemon's socket */
  constructor(listen: string) {
    this.#listen = listen;
    this.#client = new Client(`unix:${listen}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
      "grpc.enable_http_proxy": 0,
    });
  }

  /** @throws CriError unavailable when no daemon answers, else of the kind that it answered */
  call<Q, S>(method: Method<Q, S>, request: Q): Promise<S> {
    const { promise, resolve, reject } = Promise.withResolvers<S>();
    this.#client.makeUnaryRequest(
      pathOf(method),
      (message: Q) => encoded(method, message),
      (bytes: Buffer) => method.responseType.decode(bytes),
      request,
      { deadline: Date.now() + TIMEOUT_MS },
      (error, response) => {
        if (response !== undefined) resolve(response);
        else reject(this.#failure(error));
      },
    );
    return promise;
  }

  /** The messages of a stream, until the signal is aborted. */
  async *stream<Q, S>(
    method: Method<Q, S>,
    request: Q,
    signal: AbortSignal,
  ): AsyncGenerator<S> {
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: Q) => encoded(method, message),
      (bytes: Buffer) => method.responseType.decode(bytes),
      request,
    );
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      for await (const message of call) yield message;
    } catch (error) {
      if (!signal.aborted) throw this.#failure(error);
    } finally {
      signal.removeEventListener("abort", cancel);
      call.cancel();
    }
  }

  #failure(error: unknown): CriError {
    if (!isServiceError(error)) {
      return new CriError("internal", "The daemon's answer is missing", { cause: error });
    }
    const kind = KINDS.get(error.code) ?? "internal";
    if (kind !== "unavailable") return new CriError(kind, error.details);
    return new CriError(kind, `No daemon answers on ${this.#listen}: ${error.details}`, {
      remedy: "start it with `cri-containerd serve`, or name its configuration with --config",
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

const KINDS: ReadonlyMap<status, Kind> = new Map([
  [status.INVALID_ARGUMENT, "invalidArgument"],
  [status.NOT_FOUND, "notFound"],
  [status.FAILED_PRECONDITION, "failedPrecondition"],
  [status.RESOURCE_EXHAUSTED, "resourceExhausted"],
  [status.UNAVAILABLE, "unavailable"],
  [status.DEADLINE_EXCEEDED, "deadlineExceeded"],
]);

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error;
}

function pathOf({ name }: { readonly name: string }): string {
  return `/${RuntimeServiceDefinition.fullName}/${name}`;
}

function encoded<Q>(method: Method<Q, unknown>, message: Q): Buffer {
  return Buffer.from(method.requestType.encode(message).finish());
}
