import assert from "node:assert/strict";
import { FakeLinuxIo } from "../../tests/fakes/linux.ts";
import { logCounters } from "./counters.ts";
import { LogFile } from "./log_file.ts";
import { Output } from "./output.ts";

const PATH = "/logs/pod/0.log";

function openFile(
  io: FakeLinuxIo,
  counters = logCounters(),
): { file: LogFile; write: (text: string) => Promise<boolean> } {
  const file = new LogFile(io, { root: "/logs", names: ["pod", "0.log"] }, counters);
  file.openOrDrop();
  const output = new Output();
  const write = (text: string) =>
    file.run(() => {
      file.begin(output);
      const bytes = new TextEncoder().encode(text);
      output.reserve(bytes.length);
      output.append(bytes, 0, bytes.length);
      return file.append(output);
    });
  return { file, write };
}

Deno.test("LogFile drops what a full disk can't take, and goes on with a new line", async () => {
  const io = new FakeLinuxIo();
  const { write } = openFile(io);
  await write("one\n");
  io.freeBytes = 2;
  await write("two\n");
  await write("three\n");
  io.freeBytes = Infinity;
  await write("four\n");
  assert.equal(io.text(PATH), "one\ntw\nfour\n");
});

Deno.test("LogFile counts what it has written and what was lost", async () => {
  const io = new FakeLinuxIo();
  const counters = logCounters();
  const { write } = openFile(io, counters);
  await write("12345\n");
  io.freeBytes = 4;
  await write("7890123456\n");
  assert.deepEqual(counters, { writtenBytes: 10, lostBytes: 7, journalLostLines: 0 });
});

Deno.test("LogFile adds no newline when the disk was full at the end of a line", async () => {
  const io = new FakeLinuxIo();
  const { write } = openFile(io);
  io.freeBytes = 4;
  await write("one\ntwo\n");
  io.freeBytes = Infinity;
  await write("three\n");
  assert.equal(io.text(PATH), "one\nthree\n");
});

Deno.test("LogFile.reopen() splits the output between two writes, and repeats none", async () => {
  const io = new FakeLinuxIo();
  const { file, write } = openFile(io);
  const first = write("one\n");
  io.rename(PATH, `${PATH}.old`);
  const reopened = file.reopen();
  await Promise.all([first, reopened, write("two\n")]);
  assert.equal(io.text(`${PATH}.old`), "one\n");
  assert.equal(io.text(PATH), "two\n");
});

Deno.test("LogFile.reopen() keeps the old file when the new one can't be opened", async () => {
  const io = new FakeLinuxIo();
  const { file, write } = openFile(io);
  io.freeBytes = 0;
  await assert.rejects(file.reopen(), { kind: "resourceExhausted" });
  io.freeBytes = Infinity;
  await write("still\n");
  assert.equal(io.text(PATH), "still\n");
});

Deno.test("LogFile.openOrDrop() opens the file later when it couldn't at first", async () => {
  const io = new FakeLinuxIo();
  io.freeBytes = 0;
  const { write } = openFile(io);
  assert.equal(await write("lost\n"), false, "nothing was waited for");
  io.freeBytes = Infinity;
  io.timeNs += 2_000_000_000n;
  await write("kept\n");
  assert.equal(io.text(PATH), "kept\n");
});

Deno.test("LogFile.close() closes its file", () => {
  const io = new FakeLinuxIo();
  openFile(io).file.close();
  assert.deepEqual(io.openFds, []);
});
