import assert from "node:assert/strict";
import { FakeDatagrams } from "../../tests/fakes/datagrams.ts";
import { logCounters } from "./counters.ts";
import { Journal, JournalTap } from "./journal.ts";

function start(maxLineBytes = 100) {
  const io = new FakeDatagrams();
  const counters = logCounters();
  const journal = new Journal({ io, counters, path: "/journal" });
  const names = { container: "main", pod: "web-0", namespace: "shop" };
  const tap = new JournalTap(
    journal,
    { fd: 7, containerId: "0123456789abcdef", ...names },
    maxLineBytes,
  );
  const write = (text: string, stream: "stdout" | "stderr" = "stdout") =>
    tap.take(stream, new TextEncoder().encode(text));
  return { io, counters, tap, write };
}

/** The fields of a message in journald's native form. */
function fieldsOf(bytes: Uint8Array): Record<string, string> {
  const fields: Record<string, string> = {};
  const decoder = new TextDecoder();
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    const line = decoder.decode(bytes.subarray(at, end));
    at = end + 1;
    const equals = line.indexOf("=");
    if (equals >= 0) {
      fields[line.slice(0, equals)] = line.slice(equals + 1);
      continue;
    }
    const size = Number(new DataView(bytes.buffer, bytes.byteOffset + at).getBigUint64(0, true));
    fields[line] = decoder.decode(bytes.subarray(at + 8, at + 8 + size));
    assert.equal(bytes[at + 8 + size], 10);
    at += 8 + size + 1;
  }
  return fields;
}

const messages = (io: FakeDatagrams) => io.received.map((bytes) => fieldsOf(bytes).MESSAGE);

Deno.test("each line is a message with the names of its container and pod", () => {
  const { io, write } = start();
  write("one\ntw");
  write("o\n");
  write("bad\n", "stderr");
  const [first, , third] = io.received.map(fieldsOf);
  assert.deepEqual(first, {
    PRIORITY: "6",
    SYSLOG_IDENTIFIER: "main",
    CONTAINER_ID: "0123456789ab",
    CONTAINER_ID_FULL: "0123456789abcdef",
    CONTAINER_NAME: "main",
    K8S_POD_NAME: "web-0",
    K8S_NAMESPACE_NAME: "shop",
    K8S_CONTAINER_NAME: "main",
    MESSAGE: "one",
  });
  assert.equal(third?.PRIORITY, "3");
  assert.deepEqual(messages(io), ["one", "two", "bad"]);
});

Deno.test("long lines and those without an end are sent in parts, marked as such", () => {
  const { io, tap, write } = start(4);
  write("abcdefghij\nrest");
  write("12345");
  tap.end();
  assert.deepEqual(messages(io), ["abcd", "efgh", "ij", "rest", "1234", "5"]);
  assert.deepEqual(io.received.map((one) => fieldsOf(one).CONTAINER_PARTIAL_MESSAGE), [
    "true",
    "true",
    undefined,
    "true",
    "true",
    "true",
  ]);
});

Deno.test("what journald can't take, or isn't there to take, is counted and holds nothing up", () => {
  const { io, counters, write } = start();
  io.state = "full";
  write("a\nb\n");
  io.state = "lost";
  write("c\n");
  io.state = "sent";
  write("d\n");
  assert.deepEqual(messages(io), ["d"]);
  assert.equal(counters.journalLostLines, 3);
});
