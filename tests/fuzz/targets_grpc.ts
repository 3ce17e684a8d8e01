/** What the two ends of gRPC say: clients of our socket, and containerd. */
import { concat } from "../../src/base/concat.ts";
import { GrpcClient } from "../../src/grpc/client.ts";
import {
  dataFrame,
  type Frame,
  headersFrame,
  Http2Error,
  PREFACE,
  settingsFrame,
  windowUpdateFrame,
} from "../../src/grpc/frames.ts";
import { headerBlock, HeaderDecoder } from "../../src/grpc/hpack.ts";
import { framed } from "../../src/grpc/messages.ts";
import { Outbox, type Wire } from "../../src/grpc/outbox.ts";
import { GrpcServer, type Handler } from "../../src/grpc/server.ts";
import { trailersOf } from "../../src/grpc/status.ts";
import type { Target } from "./target.ts";

const PATH = "/test.Service/Method";
const MAX_MESSAGE_BYTES = 10_000;

/** An end that has said all it will. */
function said(input: Uint8Array): { wire: Wire; closed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let rest = input;
  const wire: Wire = {
    read: (into) => {
      if (rest.length === 0) return Promise.resolve(null);
      const count = Math.min(into.length, rest.length);
      into.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return Promise.resolve(count);
    },
    write: (bytes) => Promise.resolve(bytes.length),
    close: resolve,
  };
  return { wire, closed: promise };
}

/** Frames as they go over the wire. */
async function onWire(
  frames: readonly Frame[],
  first = new Uint8Array(),
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const outbox = new Outbox({
    ...said(first).wire,
    write: (bytes) => {
      pieces.push(bytes.slice());
      return Promise.resolve(bytes.length);
    },
  }, { room: () => {}, failed: () => {} });
  outbox.raw(first);
  for (const frame of frames) outbox.frame(frame);
  await outbox.flushed();
  return concat(pieces);
}

const REQUEST = headerBlock(
  [":method", "POST"],
  [":path", PATH],
  ["content-type", "application/grpc"],
  ["grpc-timeout", "10S"],
);
const ANSWER = headerBlock([":status", "200"], ["content-type", "application/grpc"]);
const MESSAGE = framed(new Uint8Array(20));

export const GRPC_TARGETS: readonly Target[] = [
  {
    name: "header blocks",
    examples: [REQUEST, concat([ANSWER, trailersOf({ code: 5, details: "no such pod" })])],
    isRefusal: (error) => error instanceof Http2Error,
    take: (input) => void new HeaderDecoder().decode(input),
  },
  {
    name: "a gRPC client",
    examples: [
      await onWire([
        settingsFrame({ 4: 100_000 }),
        headersFrame(1, REQUEST, false),
        dataFrame(1, MESSAGE, true),
        windowUpdateFrame(0, 1_000),
        headersFrame(3, REQUEST, false),
      ], PREFACE),
    ],
    isRefusal: () => false,
    take: async (input) => {
      const { wire, closed } = said(input);
      const handlers = new Map<string, Handler>([[PATH, (call) => call.answer(call.message)]]);
      new GrpcServer({ handlers, maxMessageBytes: MAX_MESSAGE_BYTES }).accept(wire);
      await closed;
    },
  },
  {
    name: "a gRPC server",
    examples: [
      await onWire([
        settingsFrame({ 3: 100 }),
        headersFrame(1, ANSWER, false),
        dataFrame(1, MESSAGE, false),
        headersFrame(1, trailersOf({ code: 0, details: "" }), true),
      ]),
    ],
    isRefusal: () => false,
    take: async (input) => {
      const { wire, closed } = said(input);
      const client = new GrpcClient(wire, {
        maxMessageBytes: MAX_MESSAGE_BYTES,
        onReady: () => {},
        onDraining: () => {},
        onEnd: () => {},
      });
      const call = client.call({ path: PATH, timeoutMs: 0 }, { message: () => {}, end: () => {} });
      call.send(new Uint8Array(10));
      call.halfClose();
      await closed;
    },
  },
];
