import assert from "node:assert/strict";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import type { ContainerState } from "./status.ts";

const STATES: ContainerState[] = [
  { kind: "created" },
  { kind: "running", pid: 42, startedAtNs: 1_795_000_000_123_456_789n },
  {
    kind: "exited",
    startedAtNs: 1_795_000_000_123_456_789n,
    finishedAtNs: 1_795_000_001_123_456_789n,
    exitCode: 137,
    reason: "OOMKilled",
    message: 'a "quoted" line\n',
  },
];

for (const state of STATES) {
  Deno.test(`a checkpoint of a container that is ${state.kind} comes back unchanged`, () => {
    const checkpoint = { createdAtNs: 1_795_000_000_000_000_001n, state };
    assert.deepEqual(decodeCheckpoint(encodeCheckpoint(checkpoint)), checkpoint);
  });
}

Deno.test("decodeCheckpoint() refuses a checkpoint that is cut off at any byte", () => {
  const text = encodeCheckpoint({ createdAtNs: 1n, state: { kind: "created" } });
  for (let length = 0; length < text.length; length++) {
    assert.throws(() => decodeCheckpoint(text.slice(0, length)));
  }
});
