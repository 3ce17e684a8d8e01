/** Makes what grpc-js serves out of the generated definitions and our handlers. */
import { Buffer } from "node:buffer";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Codec, Method } from "../base/codec.ts";
import { Encoded } from "../state/encoded.ts";
import type { CallsInProgress } from "./calls.ts";
import {
  type Decoded,
  serverStream,
  type StreamHandler,
  unary,
  type UnaryHandler,
} from "./handle.ts";

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

export interface Service {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

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
  const service: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [key, method] of Object.entries<MethodDefinition>(definition.methods)) {
    const handler: AnyHandler = Reflect.get(handlers, key);
    const { name } = method;
    const info = { name, isRead: READ.test(name), calls };
    service[name] = wireMethod(definition.fullName, method);
    implementation[name] = method.responseStream
      ? serverStream(info, (request, signal) => (gate(name), stream(handler(request, signal))))
      : unary(info, (request, signal) => (gate(name), handler(request, signal)));
  }
  return { definition: service, implementation };
}

function stream(messages: unknown): AsyncIterable<unknown> {
  if (isAsyncIterable(messages)) return messages;
  throw new TypeError("the handler of a streaming method gives a stream");
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function wireMethod(service: string, method: MethodDefinition): ServiceDefinition[string] {
  const { requestType, responseType } = method;
  const serialize = (wire: Codec<unknown>) => (value: unknown): Buffer => {
    const bytes = value instanceof Encoded ? value.bytes : wire.encode(value).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  return {
    path: `/${service}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: serialize(requestType),
    requestDeserialize: (bytes: Uint8Array): Decoded<unknown> => {
      try {
        return { request: requestType.decode(bytes) };
      } catch (broken) {
        return { broken };
      }
    },
    responseSerialize: serialize(responseType),
    responseDeserialize: (bytes: Uint8Array) => responseType.decode(bytes),
  };
}
