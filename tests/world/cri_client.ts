/** The CRI as a kubelet calls it: typed calls over the daemon's socket. */
import assert from "node:assert/strict";
import { ImageServiceDefinition, RuntimeServiceDefinition } from "../../src/gen/cri/v1/api.ts";
import type { HeaderField } from "../../src/grpc/hpack.ts";
import { StatusError } from "../../src/grpc/status.ts";
import { UnixClient } from "../../src/grpc/unix_client.ts";

/** What kubelets take in one answer. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** A daemon that doesn't answer by then won't: kubelets wait 2 minutes. */
const LIMIT_MS = 120_000;

interface Wire<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  fromPartial(partial: object): T;
}

/** The methods of both services; none has its name in both. */
const METHODS = { ...RuntimeServiceDefinition.methods, ...ImageServiceDefinition.methods };

type Methods = typeof METHODS;
type Message<W> = W extends { decode(bytes: Uint8Array): infer T } ? T : never;
/** What the caller leaves out has its default value. */
type Request<K extends keyof Methods> = Parameters<Methods[K]["requestType"]["fromPartial"]>[0];
type Response<K extends keyof Methods> = Message<Methods[K]["responseType"]>;

/** A client of the runtime service and the image service. */
export class CriClient implements Disposable {
  readonly #client: UnixClient;
  readonly #metadata: readonly HeaderField[];

  /** @param metadata sent with each call */
  constructor(listen: string, metadata: readonly HeaderField[] = []) {
    this.#metadata = metadata;
    this.#client = new UnixClient(listen, { maxMessageBytes: MAX_MESSAGE_BYTES });
  }

  /** One unary call, at most two minutes. @throws StatusError with the daemon's code and words */
  async call<K extends keyof Methods>(
    method: K,
    request: Request<K>,
    signal?: AbortSignal,
  ): Promise<Response<K>> {
    const { name, requestType, responseType } = METHODS[method];
    const service = method in ImageServiceDefinition.methods
      ? ImageServiceDefinition
      : RuntimeServiceDefinition;
    // The definition ties the two types to the method's name.
    const input = requestType as unknown as Wire<unknown>;
    const output = responseType as unknown as Wire<Response<K>>;
    const answer = await this.#client.unary({
      path: `/${service.fullName}/${name}`,
      message: input.encode(input.fromPartial(request)).finish(),
      timeoutMs: LIMIT_MS,
      metadata: this.#metadata,
      signal,
    });
    return output.decode(answer);
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

/** What a call was refused with. */
export async function refusal(call: Promise<unknown>): Promise<StatusError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was not refused" });
}
