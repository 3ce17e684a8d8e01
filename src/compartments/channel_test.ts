import assert from "node:assert/strict";
import { CriError, isKind } from "../base/errors.ts";
import { callChannel, type CallContext, Peer, type Remote, serveChannel } from "./channel.ts";

interface Numbers {
  double(n: bigint): Promise<bigint>;
  fail(message: string): Promise<void>;
  hang(arg: undefined, context: CallContext): Promise<string>;
  ignoreCancel(gate: string, context: CallContext): Promise<string>;
  count(to: number, context: CallContext): Promise<number>;
  bytes(size: number, context: CallContext): Promise<Uint8Array>;
  size(bytes: Uint8Array): Promise<number>;
  uncloneable(): Promise<unknown>;
}

/** A service whose cancelled calls are recorded. */
function numbers(seen: unknown[] = []): Numbers {
  return {
    double: (n) => Promise.resolve(n * 2n),
    fail: (message) =>
      Promise.reject(
        new CriError("resourceExhausted", message, { remedy: "free some", leftovers: ["netns"] }),
      ),
    hang: (_arg, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          seen.push(signal.reason);
          reject(signal.reason);
        });
      }),
    ignoreCancel: (value, { signal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(value))),
    count: (to, context) => {
      for (let n = 1; n <= to; n++) context.progress(n);
      return Promise.resolve(to);
    },
    bytes: (size, context) => {
      const bytes = new Uint8Array(size).fill(7);
      context.transfer(bytes.buffer);
      return Promise.resolve(bytes);
    },
    size: (bytes) => Promise.resolve(bytes.byteLength),
    uncloneable: () => Promise.resolve(() => {}),
  };
}

/** A served channel whose ports are closed at the end of the test. */
function connect(service: Numbers = numbers()): { remote: Remote<Numbers> } & Disposable & {
  served: Peer;
  called: Peer;
} {
  const { port1, port2 } = new MessageChannel();
  const served = new Peer("caller", port2);
  const called = new Peer("numbers", port1);
  serveChannel(served, service);
  return {
    remote: callChannel<Numbers>(called, "numbers"),
    served,
    called,
    [Symbol.dispose]() {
      served.close();
      called.close();
    },
  };
}

Deno.test("callChannel() returns what the service returns, many calls at once", async () => {
  using c = connect();
  const results = await Promise.all([1n, 2n, 3n].map((n) => c.remote.double(n)));
  assert.deepEqual(results, [2n, 4n, 6n]);
});

Deno.test("callChannel() rejects with the service's CriError, whole", async () => {
  using c = connect();
  const error = await c.remote.fail("no addresses left").catch((error: unknown) => error);
  assert(error instanceof CriError);
  assert.equal(error.kind, "resourceExhausted");
  assert.equal(error.message, "no addresses left");
  assert.equal(error.remedy, "free some");
  assert.deepEqual(error.leftovers, ["netns"]);
  assert.match(error.stack ?? "", /channel_test/);
});

Deno.test("callChannel() cancels at the service and rejects with the signal's reason", async () => {
  const seen: unknown[] = [];
  using c = connect(numbers(seen));
  const abort = new AbortController();
  const call = c.remote.hang(undefined, { signal: abort.signal });
  abort.abort(new CriError("cancelled", "the kubelet hung up"));
  await assert.rejects(call, { kind: "cancelled", message: "the kubelet hung up" });
  assert(isKind(seen[0], "cancelled"));
});

Deno.test("callChannel() rejects at once when the signal is already aborted", async () => {
  using c = connect();
  await assert.rejects(c.remote.double(1n, { signal: AbortSignal.abort() }), { kind: "cancelled" });
});

Deno.test("callChannel() rejects with deadlineExceeded after timeoutMs and cancels", async () => {
  const seen: unknown[] = [];
  using c = connect(numbers(seen));
  await assert.rejects(c.remote.hang(undefined, { timeoutMs: 1 }), {
    kind: "deadlineExceeded",
    message: "numbers.hang gave no answer in 1 ms",
  });
  assert(isKind(seen[0], "deadlineExceeded"));
});

Deno.test("callChannel() resolves when the service finishes in spite of a cancel", async () => {
  using c = connect();
  const abort = new AbortController();
  const call = c.remote.ignoreCancel("made", { signal: abort.signal });
  abort.abort();
  assert.equal(await call, "made", "what was acquired must be known, so that it can be undone");
});

Deno.test("callChannel() hands progress over in order, before the result", async () => {
  using c = connect();
  const seen: unknown[] = [];
  await c.remote.count(3, { onProgress: (n) => seen.push(n) });
  assert.deepEqual(seen, [1, 2, 3]);
});

Deno.test("callChannel() moves buffers that are named for transfer, both ways", async () => {
  using c = connect();
  const bytes = new Uint8Array(1024);
  assert.equal(await c.remote.size(bytes, { transfer: [bytes.buffer] }), 1024);
  assert.equal(bytes.byteLength, 0);
  assert.deepEqual(await c.remote.bytes(3), new Uint8Array([7, 7, 7]));
});

Deno.test("callChannel() rejects with unavailable when the port is closed", async () => {
  using c = connect();
  const call = c.remote.hang(undefined);
  c.called.close();
  await assert.rejects(call, { kind: "unavailable" });
  await assert.rejects(c.remote.double(1n), { kind: "unavailable" });
});

Deno.test("serveChannel() aborts running calls when the caller's port is replaced", async () => {
  const seen: unknown[] = [];
  using c = connect(numbers(seen));
  const call = c.remote.hang(undefined).catch((error: unknown) => error);
  await c.remote.double(1n);
  const fresh = new MessageChannel();
  c.served.replace(fresh.port1);
  c.called.replace(fresh.port2);
  assert(isKind(await call, "unavailable"));
  assert(isKind(seen[0], "unavailable"));
});

Deno.test("Peer.replace() keeps a Remote working, and calls wait for the new side", async () => {
  using c = connect();
  const fresh = new MessageChannel();
  c.called.replace(fresh.port1);
  const call = c.remote.double(21n);
  c.served.replace(fresh.port2);
  assert.equal(await call, 42n);
});

Deno.test("a call waits for a side that is connected and doesn't serve yet", async () => {
  const { port1, port2 } = new MessageChannel();
  const [caller, served] = [new Peer("served", port1), new Peer("caller", port2)];
  const call = callChannel<Numbers>(caller, "served").double(21n);
  // A compartment looks at its folders first; messages get their turn meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 10));
  serveChannel(served, numbers());
  assert.equal(await call, 42n);
  caller.close();
  served.close();
});

Deno.test("Peer.onAgain() tells of each port but the first", () => {
  const ports = Array.from({ length: 3 }, () => new MessageChannel().port1);
  const peer = new Peer("io");
  let again = 0;
  peer.onAgain(() => again++);
  for (const port of ports) peer.replace(port);
  assert.equal(again, 2);
  peer.close();
});

Deno.test("Peer.replace() with drain lets the old side finish what it has", async () => {
  using c = connect();
  const abort = new AbortController();
  const old = c.remote.ignoreCancel("old", { signal: abort.signal });
  const fresh = new MessageChannel();
  const next = new Peer("caller", fresh.port2);
  serveChannel(next, numbers());
  c.called.replace(fresh.port1, { drain: true });
  assert.equal(await c.remote.double(1n), 2n);
  abort.abort();
  assert.equal(await old, "old");
  next.close();
});

Deno.test("callChannel() and serveChannel() share a port in both directions", async () => {
  const { port1, port2 } = new MessageChannel();
  const [left, right] = [new Peer("right", port1), new Peer("left", port2)];
  serveChannel(left, numbers());
  serveChannel(right, numbers());
  const toRight = callChannel<Numbers>(left, "right");
  const toLeft = callChannel<Numbers>(right, "left");
  assert.deepEqual(await Promise.all([toRight.double(1n), toLeft.double(2n)]), [2n, 4n]);
  left.close();
  right.close();
});

Deno.test("serveChannel() answers unimplemented to methods that aren't the service's", async () => {
  const { port1, port2 } = new MessageChannel();
  const [caller, server] = [new Peer("server", port1), new Peer("caller", port2)];
  serveChannel(server, numbers());
  const remote = callChannel<Record<string, () => Promise<unknown>>>(caller, "server");
  await assert.rejects(async () => await remote.nothing?.(), { kind: "unimplemented" });
  await assert.rejects(async () => await remote["toString"]?.(), { kind: "unimplemented" });
  caller.close();
  server.close();
});

Deno.test("serveChannel() answers internal when a result can't be cloned", async () => {
  using c = connect();
  await assert.rejects(c.remote.uncloneable(), { kind: "internal" });
});

Deno.test("a Remote doesn't look like a promise", async () => {
  using c = connect();
  const remote: unknown = await c.remote;
  assert.equal(remote, c.remote);
});
