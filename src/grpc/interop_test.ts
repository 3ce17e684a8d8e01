/** The two ends beside another implementation of HTTP/2, whose headers are compressed in full. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import http2 from "node:http2";
import net from "node:net";
import { dial } from "./dial.ts";
import { framed } from "./messages.ts";
import { GrpcServer } from "./server.ts";
import { CODE, type Status } from "./status.ts";

const MIB = 1024 * 1024;
const PATH = "/test.Service/Method";
const ROUNDS = 50;

async function withSocket(work: (path: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "cri-grpc-" });
  try {
    await work(`${dir}/grpc.sock`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("GrpcClient calls a server of node:http2", async () => {
  await withSocket(async (path) => {
    const server = http2.createServer();
    server.on("stream", (stream, headers) => {
      const body: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => body.push(chunk));
      stream.on("end", () => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, {
          waitForTrailers: true,
        });
        stream.on("wantTrailers", () => {
          stream.sendTrailers({
            "grpc-status": "5",
            "grpc-message": `${headers[":path"]} of ${headers["containerd-namespace"]}`,
          });
        });
        stream.end(Buffer.concat(body));
      });
    });
    const listening = Promise.withResolvers<void>();
    server.listen(path, listening.resolve);
    await listening.promise;
    const client = await dial(path, {
      maxMessageBytes: 16 * MIB,
      metadata: [["containerd-namespace", "k8s.io"]],
      onDraining: () => {},
      onEnd: () => {},
    });
    for (let round = 0; round < ROUNDS; round++) {
      const message = new Uint8Array(round * 3_000).fill(round);
      const messages: Uint8Array[] = [];
      const { promise, resolve } = Promise.withResolvers<Status>();
      const call = client.call({ path: PATH, timeoutMs: 10_000 }, {
        message: (bytes) => messages.push(bytes),
        end: resolve,
      });
      call.send(message);
      call.halfClose();
      assert.deepEqual(await promise, { code: CODE.notFound, details: `${PATH} of k8s.io` });
      assert.deepEqual(messages, [message]);
    }
    await client.close("the test is over");
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    await closed.promise;
  });
});

Deno.test("GrpcServer answers a client of node:http2", async () => {
  await withSocket(async (path) => {
    const server = new GrpcServer({
      handlers: new Map([[PATH, (call) => {
        assert.equal(call.header("x-round"), String(call.message[0] ?? 0));
        call.answer(call.message);
      }]]),
      maxMessageBytes: 16 * MIB,
    });
    const listener = Deno.listen({ transport: "unix", path });
    const accepted = listener.accept().then((wire) => server.accept(wire));
    const session = http2.connect("http://localhost", {
      createConnection: () => net.connect(path),
    });
    for (let round = 0; round < ROUNDS; round++) {
      const message = new Uint8Array(1 + round * 3_000).fill(round);
      const stream = session.request({
        ":method": "POST",
        ":path": PATH,
        "content-type": "application/grpc+proto",
        "x-round": String(round),
        "grpc-timeout": `${99_999_000 + round}u`,
        te: "trailers",
      });
      const body: Buffer[] = [];
      const trailers = Promise.withResolvers<http2.IncomingHttpHeaders>();
      stream.on("data", (chunk: Buffer) => body.push(chunk));
      stream.on("trailers", trailers.resolve);
      stream.end(framed(message));
      assert.equal((await trailers.promise)["grpc-status"], "0");
      assert.deepEqual(new Uint8Array(Buffer.concat(body)), framed(message));
    }
    const closed = Promise.withResolvers<void>();
    session.close(() => closed.resolve());
    await closed.promise;
    await accepted;
    listener.close();
    await server.close();
  });
});
