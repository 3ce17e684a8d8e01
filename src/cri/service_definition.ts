/** Makes what is served out of the generated definitions and our handlers. */
import type { Method } from "../base/codec.ts";
import type { Handler } from "../grpc/server.ts";
import type { CallsInProgress } from "./calls.ts";
import { serverStream, type StreamHandler, unary, type UnaryHandler } from "./handle.ts";

interface MethodDefinition extends Method<unknown, unknown> {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

type Message<W> = W extends { decode(bytes: Uint8Array): infer T } ? T : never;

/** The handler that a method's generated definition asks for. */
type HandlerOf<M> = M extends
  { requestType: infer Q; responseType: infer S; responseStream: infer R }
  ? R extends true ? StreamHandler<Message<Q>, Message<S>>
  : UnaryHandler<Message<Q>, Message<S>>
  : never;

/** One handler a method: a method of the contract without a row doesn't compile. */
export type Handlers<D extends { methods: object }> = {
  readonly [K in keyof D["methods"]]: HandlerOf<D["methods"][K]>;
};

/** A handler seen without its message types, which {@link Handlers} has checked. */
type AnyHandler = (request: unknown, signal: AbortSignal) => unknown;

/** Verbs that change nothing. */
const READ =
  /^(Version|Status|RuntimeConfig|List|Stream|PodSandboxSta|ContainerSta|Image(Status|Fs))/;

/** The handlers of one service by the paths of their methods. */
export type Service = ReadonlyMap<string, Handler>;

export interface ServiceOptions {
  /** Throws while calls of that name can't be answered yet. */
  readonly gate: (method: string) => void;
  readonly calls: CallsInProgress;
}

export function toService<D extends Definition>(
  definition: D,
  handlers: Handlers<D>,
  { gate, calls }: ServiceOptions,
): Service {
  return new Map(
    Object.entries<MethodDefinition>(definition.methods).map(([key, method]) => {
      const handler: AnyHandler = Reflect.get(handlers, key);
      const { name, requestType, responseType } = method;
      const info = { name, isRead: READ.test(name), calls, requestType, responseType };
      return [
        `/${definition.fullName}/${name}`,
        method.responseStream
          ? serverStream(info, (request, signal) => (gate(name), stream(handler(request, signal))))
          : unary(info, (request, signal) => (gate(name), handler(request, signal))),
      ];
    }),
  );
}

function stream(messages: unknown): AsyncIterable<unknown> {
  if (isAsyncIterable(messages)) return messages;
  throw new TypeError("the handler of a streaming method gives a stream");
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
