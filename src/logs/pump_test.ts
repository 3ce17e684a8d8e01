import assert from "node:assert/strict";
import { FakeLinuxIo } from "../../tests/fakes/linux.ts";
import { LogFile } from "./log_file.ts";
import { Output } from "./output.ts";
import { Taps } from "./tap.ts";
import { StreamPump } from "./pump.ts";

const FIFO = "/fifos/stdout";
const LOG = "/logs/0.log";

function startPump({ io = new FakeLinuxIo(), discard = false } = {}) {
  if (!io.fifos.has(FIFO)) io.makeFifo(FIFO);
  const file = discard ? undefined : new LogFile(io, { root: "/logs", names: ["0.log"] });
  file?.open();
  const space = { input: new Uint8Array(16), output: new Output() };
  const fd = io.openFifoForRead(FIFO);
  const pump = new StreamPump({
    io,
    space,
    stream: "stdout",
    fd,
    file,
    maxLineBytes: 100,
    taps: new Taps(),
  });
  const log = () => io.text(LOG).replaceAll(/^\S+ stdout /gm, "");
  return { io, pump, file, log };
}

/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

async function isEnded(pump: StreamPump): Promise<boolean> {
  return await Promise.race([pump.ended.then(() => true), settle().then(() => false)]);
}

Deno.test("StreamPump copies lines and ends when the shim closes", async () => {
  const { io, pump, log, file } = startPump();
  io.openWriter(FIFO);
  pump.attached();
  io.write(FIFO, "one\ntwo\nand a third that is longer than one read\nrest");
  io.closeWriter(FIFO);
  await pump.ended;
  assert.equal(log(), "F one\nF two\nF and a third that is longer than one read\nP rest\n");
  file?.close();
  assert.deepEqual(io.openFds, []);
});

Deno.test("StreamPump waits for a shim that opens the FIFO late", async () => {
  const { io, pump, log } = startPump();
  pump.attached();
  assert.equal(await isEnded(pump), false);
  io.openWriter(FIFO);
  io.write(FIFO, "late\n");
  await settle();
  assert.equal(log(), "F late\n");
  assert.equal(await isEnded(pump), false);
});

Deno.test("StreamPump takes no end for one before attached()", async () => {
  const { io, pump, log } = startPump();
  io.openWriter(FIFO);
  io.closeWriter(FIFO);
  assert.equal(await isEnded(pump), false);
  io.openWriter(FIFO);
  pump.attached();
  io.write(FIFO, "hello\n");
  await settle();
  assert.equal(log(), "F hello\n");
  io.closeWriter(FIFO);
  await pump.ended;
});

Deno.test("StreamPump ends at attached() when the shim has gone again", async () => {
  const { io, pump } = startPump();
  io.openWriter(FIFO);
  io.closeWriter(FIFO);
  await settle();
  pump.attached();
  await pump.ended;
});

Deno.test("StreamPump.resume() ends at once when no shim is there", async () => {
  const { pump } = startPump();
  pump.resume();
  await pump.ended;
});

Deno.test("StreamPump.resume() goes on with a shim that is there", async () => {
  const io = new FakeLinuxIo();
  io.makeFifo(FIFO);
  io.openWriter(FIFO);
  io.write(FIFO, "meanwhile\n");
  const { pump, log } = startPump({ io });
  pump.resume();
  pump.attached();
  await settle();
  assert.equal(log(), "F meanwhile\n");
  io.closeWriter(FIFO);
  await pump.ended;
});

Deno.test("StreamPump.stop() writes an unfinished line as a part; the next one ends it", async () => {
  const { io, pump, log } = startPump();
  io.openWriter(FIFO);
  pump.attached();
  io.write(FIFO, "half");
  await settle();
  await pump.stop();
  assert.equal(log(), "P half\n");
  const next = startPump({ io });
  next.pump.resume();
  io.write(FIFO, " and half\n");
  io.closeWriter(FIFO);
  await next.pump.ended;
  assert.equal(log(), "P half\nF  and half\n");
});

Deno.test("StreamPump throws output away when there is no file", async () => {
  const { io, pump } = startPump({ discard: true });
  io.openWriter(FIFO);
  pump.attached();
  io.write(FIFO, "x".repeat(100));
  io.closeWriter(FIFO);
  await pump.ended;
  assert.deepEqual([...io.files], []);
});

Deno.test("StreamPump goes on reading while the disk is full", async () => {
  const { io, pump, log } = startPump();
  io.openWriter(FIFO);
  pump.attached();
  io.freeBytes = 0;
  io.write(FIFO, "lost\n".repeat(50));
  await settle();
  io.freeBytes = Infinity;
  io.write(FIFO, "found\n");
  io.closeWriter(FIFO);
  await pump.ended;
  assert.equal(log(), "F found\n");
});

Deno.test("StreamPump reads no more while a write is under way, so that the container waits", async () => {
  const { io, pump, log } = startPump();
  const append = io.append.bind(io);
  const disk = Promise.withResolvers<void>();
  io.append = async (...args) => {
    await disk.promise;
    return await append(...args);
  };
  const reads: number[] = [];
  const read = io.readFifo.bind(io);
  io.readFifo = (fd, into) => {
    const count = read(fd, into);
    if (typeof count === "number") reads.push(count);
    return count;
  };
  io.openWriter(FIFO);
  pump.attached();
  io.write(FIFO, "0123456789\n".repeat(10));
  await settle();
  await settle();
  assert.deepEqual(reads, [16], "one batch is in memory, the rest is the container's to keep");
  disk.resolve();
  io.closeWriter(FIFO);
  await pump.ended;
  assert.equal(log(), "F 0123456789\n".repeat(10));
});
