/** The CRI as a kubelet calls it: typed calls over the daemon's socket. */
import { Buffer } from "node:buffer";
import { Client, credentials } from "@grpc/grpc-js";
import { ImageServiceDefinition, RuntimeServiceDefinition } from "../../src/gen/cri/v1/api.ts";

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
  readonly #client: Client;

  constructor(listen: string) {
    this.#client = new Client(`unix:${listen}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    });
  }

  /** One unary call, at most two minutes. @throws grpc-js's error, with `code` and `details` */
  call<K extends keyof Methods>(
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
    const { promise, resolve, reject } = Promise.withResolvers<Response<K>>();
    const call = this.#client.makeUnaryRequest(
      `/${service.fullName}/${name}`,
      (message: unknown) => Buffer.from(input.encode(message).finish()),
      (bytes: Buffer) => output.decode(bytes),
      input.fromPartial(request),
      { deadline: Date.now() + LIMIT_MS },
      (error, response) => {
        if (error !== null || response === undefined) reject(error);
        else resolve(response);
      },
    );
    signal?.addEventListener("abort", () => call.cancel(), { once: true });
    return promise;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
